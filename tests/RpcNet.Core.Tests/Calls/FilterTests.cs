using RpcNet.Client;
using RpcNet.Core.Tests.Support;
using RpcNet.Server;

namespace RpcNet.Core.Tests.Calls;

public sealed class FilterTests
{
    [Fact]
    public async Task Filters_OnBothSides_SeeEveryKindInOrder()
    {
        var log = new List<string>();
        await using var fixture = await RpcFixture.StartAsync(
            new RpcServerOptions { Filters = [Log("s1"), Log("s2")] }, o => With(o, Log("c1"), Log("c2")));
        Assert.Equal(3, await Eventually.Soon(fixture.Client.AddAsync(1, 2)));
        Assert.Equal(
            ["c1 Client tests.v1.Probe/Add", "c2 Client tests.v1.Probe/Add", "s1 Server tests.v1.Probe/Add", "s2 Server tests.v1.Probe/Add",
                "s2 done", "s1 done", "c2 done", "c1 done"],
            Take());
        Assert.Equal([7], await Eventually.All(fixture.Client.RangeAsync(7, 1)));
        Assert.Equal(8, Take().Count);
        Assert.Equal(7, await Eventually.Soon(fixture.Client.SumAsync(new[] { 7 }.ToAsyncEnumerable())));
        Assert.Equal(8, Take().Count);
        Assert.Equal([14], await Eventually.All(fixture.Client.ScaleAsync(2, new[] { 7 }.ToAsyncEnumerable())));
        Assert.Equal(8, Take().Count);

        IRpcFilter Log(string name) => new RpcInlineFilter(async (context, next) =>
        {
            Add($"{name} {context.Side} {context.Method}");
            await next(context);
            Add($"{name} done");
        });
        void Add(string line)
        {
            lock (log)
            {
                log.Add(line);
            }
        }

        List<string> Take()
        {
            lock (log)
            {
                var taken = log.ToList();
                log.Clear();
                return taken;
            }
        }
    }

    [Fact]
    public async Task ClientFilter_AddsMetadataAndReplacesRequestAndResponse()
    {
        await using var fixture = await RpcFixture.StartAsync(client: o => With(o, new RpcInlineFilter(async (context, next) =>
        {
            context.RequestMetadata.Add("from", "filter");
            context.Request = $"{context.Request}!";
            await next(context);
            context.Response = $"{context.Response}?{context.ResponseMetadata["answer"]}";
        })));
        fixture.Service.OnCall = context =>
        {
            context.ResponseMetadata.Add("answer", context.RequestMetadata["from"]!);
            return default;
        };
        Assert.Equal("a!?filter", await Eventually.Soon(fixture.Client.EchoAsync("a")));
    }

    [Fact]
    public async Task ClientFilter_RetriesAUnaryCall()
    {
        var tries = 0;
        await using var fixture = await RpcFixture.StartAsync(client: o => With(o, new RpcInlineFilter(async (context, next) =>
        {
            while (true)
            {
                try
                {
                    tries++;
                    await next(context);
                    return;
                }
                catch (RpcFaultException e) when (e.Status == RpcStatusCode.Aborted && tries < 3)
                {
                    // Once more.
                }
            }
        })));
        var calls = 0;
        fixture.Service.OnCall = _ => ++calls < 3 ? throw new RpcFaultException(RpcStatusCode.Aborted, "again") : default;
        Assert.Equal("x", await Eventually.Soon(fixture.Client.EchoAsync("x")));
        Assert.Equal(3, calls);
    }

    [Fact]
    public async Task ServerFilter_RefusesACall_HandlerDoesNotRun()
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions
        {
            Filters = [new RpcInlineFilter((_, _) => throw new RpcFaultException(RpcStatusCode.PermissionDenied, "no"))],
        });
        Assert.Equal(RpcStatusCode.PermissionDenied, (await Eventually.Fault(fixture.Client.WaitAsync(1))).Status);
        var fault = await Assert.ThrowsAsync<RpcFaultException>(() => Eventually.All(fixture.Client.FloodAsync(1)));
        Assert.Equal(RpcStatusCode.PermissionDenied, fault.Status);
        Assert.Equal(0, fixture.Service.Started);
    }

    [Fact]
    public async Task ClientFilter_SkipsTheCall_ItsResponseCounts()
    {
        await using var fixture = await RpcFixture.StartAsync(client: o => With(o, new RpcInlineFilter((context, _) =>
        {
            context.Response = context.Method.Kind == RpcMethodKind.Unary ? (object)42 : Cached();
            return default;
        })));
        Assert.Equal(42, await Eventually.Soon(fixture.Client.CountCallsAsync()));
        Assert.Equal([1, 2], await Eventually.All(fixture.Client.RangeAsync(0, 10)));
        Assert.Equal(0, fixture.Server.Connections);

        static async IAsyncEnumerable<int> Cached()
        {
            yield return 1;
            await Task.Yield();
            yield return 2;
        }
    }

    [Fact]
    public async Task Map_RawAndTyped_ServeWithoutAnInterface()
    {
        await using var fixture = await RpcFixture.StartAsync(services: map => map
            .MapUnary<string, int>("plain/Length", (text, _, _) => new(text.Length))
            .Map("plain/Reverse", (bytes, _, _) => new(bytes.ToArray().Reverse().ToArray())));
        var length = new RpcUnaryMethod<string, int>("plain", "Length", RpcMarshaller.Value<string>(), RpcMarshaller.Value<int>());
        var reverse = new RpcUnaryMethod<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>("plain", "Reverse", RpcMarshaller.Raw, RpcMarshaller.Raw);
        Assert.Equal(5, await Eventually.Soon(fixture.Channel.InvokeUnaryAsync(length, "abcde", null, default)));
        var answer = await Eventually.Soon(fixture.Channel.InvokeUnaryAsync<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>(
            reverse, new byte[] { 1, 2, 3 }, null, default));
        Assert.Equal([3, 2, 1], answer.ToArray());
    }

    [Fact]
    public async Task Scope_OnePerCall_DisposedAfterTheHandler()
    {
        var scopes = new List<Scope>();
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions
        {
            CreateScope = () =>
            {
                var scope = new Scope();
                lock (scopes)
                {
                    scopes.Add(scope);
                }

                return scope;
            },
        });
        fixture.Service.OnCall = context =>
        {
            Assert.Contains(context.Services, scopes);
            Assert.False(((Scope)context.Services!).Disposed);
            return default;
        };
        await Eventually.Soon(fixture.Client.EchoAsync(""));
        await Eventually.All(fixture.Client.RangeAsync(0, 1));
        Assert.Equal(2, scopes.Count);
        await Eventually.True(() => scopes.All(s => s.Disposed));
    }

    private static RpcChannelOptions With(RpcChannelOptions options, params IRpcFilter[] filters) =>
        new() { EndPoint = options.EndPoint, Tls = options.Tls, Filters = filters };

    private sealed class Scope : IRpcServiceScope, IServiceProvider
    {
        public bool Disposed { get; private set; }

        public IServiceProvider Services => this;

        public object? GetService(Type serviceType) => null;

        public ValueTask DisposeAsync()
        {
            Disposed = true;
            return default;
        }
    }
}
