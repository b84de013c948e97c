using RpcNet.Client;
using RpcNet.Core.Tests.Support;
using RpcNet.Framing;
using RpcNet.Server;

namespace RpcNet.Core.Tests.Calls;

[CollectionDefinition("alone", DisableParallelization = true)]
public sealed class Alone;

/// <summary>
/// Bytes allocated by a unary call in the whole process, the transport's included; figures of optimised code, since
/// unoptimised async methods allocate more.
/// </summary>
[Collection("alone")]
public sealed class AllocationTests(ITestOutputHelper output)
{
    private const int Batch = 200;
    private const int Batches = 250;

    [Fact]
    public async Task UnaryCall_OnTheServer_AllocatesLittle()
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { CreateScope = static () => new Scope() });
        await using var client = await RawClient.StartAsync(fixture);
        var lane = await client.OpenLaneAsync("tests.v1.Probe/Add");
        var reader = await client.AcceptAsync(StreamType.Lane);
        await reader.ReadVarIntAsync(default);
        var requests = new byte[Batch * (FrameHeader.Size + 3)];
        for (var i = 0; i < Batch; i++)
        {
            RawClient.Frame(FrameType.Request, [0x92, 2, 3], (uint)i, 1).CopyTo(requests, i * (FrameHeader.Size + 3));
        }

        var perCall = await MeasureAsync(async () =>
        {
            await lane.WriteAsync(requests, endStream: false);
            for (var i = 0; i < Batch; i++)
            {
                while (!reader.TryRead(out _))
                {
                    Assert.True(await reader.FillAsync(default));
                }
            }
        });
        output.WriteLine($"{perCall:0} bytes per call");
        AssertOptimised(perCall, 700);
    }

    [Theory]
    [InlineData(false, 1100)]
    [InlineData(true, 1700)]
    public async Task UnaryCall_OnBothSides_AllocatesLittle(bool filters, int most)
    {
        IRpcFilter[] through = filters ? [new RpcInlineFilter((context, next) => next(context))] : [];
        await using var fixture = await RpcFixture.StartAsync(
            new RpcServerOptions { CreateScope = static () => new Scope(), Filters = through },
            o => new RpcChannelOptions { EndPoint = o.EndPoint, Tls = o.Tls, Filters = through, DefaultTimeout = TimeSpan.FromSeconds(30) });
        var calls = new ValueTask<int>[Batch];
        var perCall = await MeasureAsync(async () =>
        {
            for (var i = 0; i < Batch; i++)
            {
                calls[i] = fixture.Client.AddAsync(i, 1);
            }

            for (var i = 0; i < Batch; i++)
            {
                Assert.Equal(i + 1, await calls[i]);
            }
        });
        output.WriteLine($"{perCall:0} bytes per call");
        AssertOptimised(perCall, most);
    }

    private static async Task<double> MeasureAsync(Func<Task> batch)
    {
        for (var i = 0; i < Batches; i++)
        {
            await batch();
        }

        var before = GC.GetTotalAllocatedBytes(precise: true);
        for (var i = 0; i < Batches; i++)
        {
            await batch();
        }

        return (GC.GetTotalAllocatedBytes(precise: true) - before) / (double)(Batch * Batches);
    }

    private static void AssertOptimised(double perCall, int most)
    {
#if DEBUG
        most *= 3;
#endif
        Assert.InRange(perCall, 0, most);
    }

    private sealed class Scope : IRpcServiceScope, IServiceProvider
    {
        public IServiceProvider Services => this;

        public object? GetService(Type serviceType) => null;

        public ValueTask DisposeAsync() => default;
    }
}
