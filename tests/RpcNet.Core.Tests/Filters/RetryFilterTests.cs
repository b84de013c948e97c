using Microsoft.Extensions.Time.Testing;
using RpcNet.Client;
using RpcNet.Core.Tests.Support;
using RpcNet.Filters;
using RpcNet.Server;

namespace RpcNet.Core.Tests.Filters;

public sealed class RetryFilterTests
{
    private static readonly RpcUnaryMethod<RpcEmpty, string> Once = Method(idempotent: false);
    private static readonly RpcUnaryMethod<RpcEmpty, string> Idempotent = Method(idempotent: true);

    [Theory]
    [InlineData(RpcStatusCode.Unavailable, false, false, 3)]
    [InlineData(RpcStatusCode.ResourceExhausted, false, false, 3)]
    [InlineData(RpcStatusCode.Unimplemented, false, false, 1)]
    [InlineData(RpcStatusCode.Unavailable, true, false, 1)]
    [InlineData(RpcStatusCode.Unavailable, true, true, 3)]
    [InlineData(RpcStatusCode.ResourceExhausted, true, true, 1)]
    [InlineData(RpcStatusCode.Internal, true, true, 1)]
    public async Task Unary_Fault_IsSentAgainWhereThatDoesNoHarm(RpcStatusCode status, bool mayHaveExecuted, bool idempotent, int sent)
    {
        var attempts = 0;
        await using var channel = Channel(new RpcRetryOptions { InitialDelay = TimeSpan.Zero }, (_, _) =>
        {
            attempts++;
            throw new RpcFaultException(status, "no") { MayHaveExecuted = mayHaveExecuted };
        });
        Assert.Equal(status, (await Eventually.Fault(channel.InvokeUnaryAsync(idempotent ? Idempotent : Once, default, null, default))).Status);
        Assert.Equal(sent, attempts);
    }

    /// <summary>min(MaxDelay, InitialDelay · 2^(n−1)) · (0.5 … 1).</summary>
    [Fact]
    public async Task Pauses_DoubleUpToTheLimit_WithJitter()
    {
        var time = new FakeTimeProvider();
        var attempts = 0;
        var options = new RpcRetryOptions { MaxAttempts = 6, InitialDelay = TimeSpan.FromSeconds(1), MaxDelay = TimeSpan.FromSeconds(5) };
        await using var channel = Channel(
            options,
            (context, _) => ++attempts < 6 ? throw new RpcFaultException(RpcStatusCode.Unavailable, "no") { MayHaveExecuted = false } : Answer(context),
            time);
        var call = channel.InvokeUnaryAsync(Once, default, null, default).AsTask();
        var pauses = new List<double>();
        for (var attempt = 1; attempt < 6; attempt++)
        {
            await Eventually.True(() => attempts == attempt);
            var waited = 0.0;
            while (attempts == attempt && !call.IsCompleted)
            {
                time.Advance(TimeSpan.FromMilliseconds(100));
                waited += 0.1;
                await Task.Yield();
                Assert.InRange(waited, 0, 60);
            }

            pauses.Add(waited);
        }

        Assert.Equal("answer", await Eventually.Soon(call));

        // A fired timer's continuation runs when the pool lets it, so a pause can look longer, never shorter.
        Assert.Equal([true, true, true, true, true], pauses.Zip([0.5, 1, 2, 2.5, 2.5], static (pause, least) => pause >= least));
    }

    [Fact]
    public async Task Deadline_WouldPassInThePause_FailsAtOnce()
    {
        var time = new FakeTimeProvider();
        var attempts = 0;
        await using var channel = Channel(
            new RpcRetryOptions { InitialDelay = TimeSpan.FromSeconds(10), MaxDelay = TimeSpan.FromSeconds(10) },
            (_, _) =>
            {
                attempts++;
                throw new RpcFaultException(RpcStatusCode.Unavailable, "gone") { MayHaveExecuted = false };
            },
            time);
        var fault = await Eventually.Fault(channel.InvokeUnaryAsync(Once, default, new RpcCallOptions { Timeout = TimeSpan.FromSeconds(2) }, default));
        Assert.Equal((RpcStatusCode.Unavailable, 1), (fault.Status, attempts));
    }

    [Fact]
    public async Task Cancelled_DuringThePause_ThrowsWithTheCallersToken()
    {
        var time = new FakeTimeProvider();
        using var source = new CancellationTokenSource();
        await using var channel = Channel(
            new RpcRetryOptions { InitialDelay = TimeSpan.FromSeconds(10), MaxDelay = TimeSpan.FromSeconds(10) },
            (_, _) => throw new RpcFaultException(RpcStatusCode.Unavailable, "gone") { MayHaveExecuted = false },
            time);
        var call = channel.InvokeUnaryAsync(Once, default, null, source.Token).AsTask();
        Assert.False(call.IsCompleted);
        source.Cancel();
        var thrown = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.Soon(call));
        Assert.Equal(source.Token, thrown.CancellationToken);
    }

    /// <summary>A real refusal: the server is at its limit, and has room when the call comes again.</summary>
    [Fact]
    public async Task Server_AtItsLimit_ServesTheCallWhenItComesAgain()
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { MaxConcurrentCalls = 1 });
        var refused = 0;
        await using var channel = new RpcChannel(fixture.ClientTransport, Options(fixture.ChannelOptions,
            new RpcRetryFilter(new RpcRetryOptions { MaxAttempts = 100, InitialDelay = TimeSpan.FromMilliseconds(1), MaxDelay = TimeSpan.FromMilliseconds(20) }),
            new RpcInlineFilter(async (context, next) =>
            {
                try
                {
                    await next(context);
                }
                catch (RpcFaultException e) when (e is { Status: RpcStatusCode.ResourceExhausted, MayHaveExecuted: false })
                {
                    if (Interlocked.Increment(ref refused) == 3)
                    {
                        fixture.Service.Gate.SetResult(0);
                    }

                    throw;
                }
            })));
        var first = fixture.Client.WaitAsync(1);
        await Eventually.True(() => fixture.Service.Running == 1);
        Assert.Equal(5, await Eventually.Soon(channel.CreateClient<IProbe>().AddAsync(2, 3)));
        Assert.Equal(1, await Eventually.Soon(first));
        Assert.InRange(refused, 3, 100);
    }

    /// <summary>Nobody listens at first: every kind waits out the pauses and goes through, its stream enumerated once.</summary>
    [Fact]
    public async Task AnyKind_NotConnectedYet_IsSentAgain()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var port = fixture.EndPoint.Port;
        var options = new RpcRetryOptions { MaxAttempts = 100, InitialDelay = TimeSpan.FromMilliseconds(5), MaxDelay = TimeSpan.FromMilliseconds(50) };
        foreach (var kind in new Func<IProbe, Task>[]
        {
            async c => Assert.Equal(3, await c.AddAsync(1, 2)),
            async c => Assert.Equal([1, 2], await Eventually.All(c.RangeAsync(1, 2))),
            async c => Assert.Equal(6, await c.SumAsync(Numbers())),
            async c => Assert.Equal([2, 4, 6], await Eventually.All(c.ScaleAsync(2, Numbers()))),
        })
        {
            await fixture.Listener.DisposeAsync();
            var tries = 0;
            var tried = new TaskCompletionSource();
            await using var channel = new RpcChannel(fixture.ClientTransport, Options(
                fixture.ChannelOptions,
                new RpcRetryFilter(options),
                new RpcInlineFilter((context, next) =>
                {
                    if (Interlocked.Increment(ref tries) == 2)
                    {
                        tried.SetResult();
                    }

                    return next(context);
                })));
            var call = kind(channel.CreateClient<IProbe>());
            await Eventually.Soon(tried.Task);
            await fixture.ListenAsync(port);
            await Eventually.Soon(call);
        }

        static async IAsyncEnumerable<int> Numbers()
        {
            yield return 1;
            await Task.Yield();
            yield return 2;
            yield return 3;
        }
    }

    /// <summary>A stream that the server refuses was open already, so its input may be spent: the caller decides.</summary>
    [Fact]
    public async Task Stream_RefusedByTheServer_IsNotSentAgain()
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { MaxConcurrentCalls = 1 });
        var tries = 0;
        await using var channel = new RpcChannel(fixture.ClientTransport, Options(
            fixture.ChannelOptions,
            new RpcRetryFilter(new RpcRetryOptions { InitialDelay = TimeSpan.Zero }),
            new RpcInlineFilter((context, next) =>
            {
                tries++;
                return next(context);
            })));
        var holding = fixture.Client.WaitAsync(1);
        await Eventually.True(() => fixture.Service.Running == 1);
        var fault = await Eventually.Fault(channel.CreateClient<IProbe>().SumAsync(AsyncEnumerable.Range(0, 3)));
        Assert.Equal((RpcStatusCode.ResourceExhausted, false, 1), (fault.Status, fault.MayHaveExecuted, tries));
        fixture.Service.Gate.SetResult(0);
        await Eventually.Soon(holding);
    }

    [Fact]
    public void Options_OutOfRange_AreRefusedByName()
    {
        Check(new RpcRetryOptions { MaxAttempts = 0 }, "MaxAttempts");
        Check(new RpcRetryOptions { InitialDelay = TimeSpan.FromSeconds(-1) }, "InitialDelay");
        Check(new RpcRetryOptions { MaxDelay = TimeSpan.FromMilliseconds(1) }, "MaxDelay");

        static void Check(RpcRetryOptions options, string name) =>
            Assert.Contains(name, Assert.Throws<ArgumentOutOfRangeException>(() => new RpcRetryFilter(options)).Message);
    }

    private static ValueTask Answer(RpcCallContext context)
    {
        context.Response = "answer";
        return default;
    }

    private static RpcUnaryMethod<RpcEmpty, string> Method(bool idempotent) =>
        new("tests.v1.Retry", "Get", RpcMarshaller.Empty, RpcMarshaller.Value<string>(), idempotent);

    /// <summary>A channel that calls go nowhere on: the inner filter answers.</summary>
    private static RpcChannel Channel(RpcRetryOptions options, Func<RpcCallContext, RpcFilterDelegate, ValueTask> inner, TimeProvider? time = null) => new(
        new RpcNet.Testing.InMemory.InMemoryNetwork().CreateTransport("client"),
        new RpcChannelOptions
        {
            EndPoint = new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 1),
            Tls = new RpcNet.Transports.TlsClientOptions { ValidateServer = static _ => null },
            Filters = [new RpcRetryFilter(options, time, new Random(3)), new RpcInlineFilter(inner)],
        },
        timeProvider: time);

    private static RpcChannelOptions Options(RpcChannelOptions options, params IRpcFilter[] filters) => new()
    {
        EndPoint = options.EndPoint,
        Tls = options.Tls,
        MaxReconnectDelay = TimeSpan.FromMilliseconds(20),
        Filters = filters,
    };
}
