using RpcNet.Client;
using RpcNet.Core.Tests.Support;
using RpcNet.Server;

namespace RpcNet.Core.Tests.Calls;

public sealed class LimitTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Request_OverTheMessageLimit_IsResourceExhaustedAndNotExecuted(bool limitOfServer)
    {
        var limits = new RpcLimits { MessageBytes = 100_000 };
        await using var fixture = limitOfServer
            ? await RpcFixture.StartAsync(new RpcServerOptions { Limits = limits })
            : await RpcFixture.StartAsync(client: o => With(o, limits));
        var fault = await Eventually.Fault(fixture.Client.ResizeAsync(new Payload(new byte[100_001]), 0));
        Assert.Equal(RpcStatusCode.ResourceExhausted, fault.Status);
        Assert.False(fault.MayHaveExecuted);
        await Eventually.Soon(fixture.Client.ResizeAsync(new Payload(new byte[99_000]), 0));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Response_OverTheMessageLimit_IsResourceExhausted(bool limitOfServer)
    {
        var limits = new RpcLimits { MessageBytes = 100_000 };
        await using var fixture = limitOfServer
            ? await RpcFixture.StartAsync(new RpcServerOptions { Limits = limits })
            : await RpcFixture.StartAsync(client: o => With(o, limits));
        var fault = await Eventually.Fault(fixture.Client.ResizeAsync(new Payload([]), 100_001));
        Assert.Equal(RpcStatusCode.ResourceExhausted, fault.Status);
        fault = await Assert.ThrowsAsync<RpcFaultException>(() => Eventually.All(fixture.Client.FloodAsync(100_001)));
        Assert.Equal(RpcStatusCode.ResourceExhausted, fault.Status);
        await Eventually.True(() => fixture.Service.Running == 0);
    }

    [Fact]
    public async Task InlineLimit_DiffersBetweenSides_TheSmallerCounts()
    {
        await using var fixture = await RpcFixture.StartAsync(
            new RpcServerOptions { Limits = new RpcLimits { InlinePayloadBytes = 500 } },
            o => With(o, new RpcLimits { InlinePayloadBytes = 50_000 }));
        for (var size = 400; size < 1000; size += 10)
        {
            Assert.Equal(size, (await Eventually.Soon(fixture.Client.ResizeAsync(new Payload(new byte[size]), size))).Data.Length);
        }
    }

    [Fact]
    public async Task InlineLimitZero_EverythingTakesAStream()
    {
        await using var fixture = await RpcFixture.StartAsync(
            new RpcServerOptions { Limits = new RpcLimits { InlinePayloadBytes = 0 } });
        Assert.Equal(3, await Eventually.Soon(fixture.Client.AddAsync(1, 2)));
        Assert.Equal(1, await Eventually.Soon(fixture.Client.CountCallsAsync()));
    }

    [Fact]
    public async Task CallsPerConnection_AtTheLimit_FurtherCallsWaitForASlot()
    {
        await using var fixture = await RpcFixture.StartAsync(
            new RpcServerOptions { Limits = new RpcLimits { CallsPerConnection = 4 } });
        var calls = Enumerable.Range(0, 200).Select(i => fixture.Client.AddAsync(i, i).AsTask());
        Assert.Equal(Enumerable.Range(0, 200).Select(i => 2 * i), await Eventually.Soon(Task.WhenAll(calls)));
    }

    [Fact]
    public async Task CallsPerConnection_SaturatedForLong_NeverRefused()
    {
        await using var fixture = await RpcFixture.StartAsync(
            new RpcServerOptions { Limits = new RpcLimits { CallsPerConnection = 3 } });
        await Eventually.Soon(Task.WhenAll(Enumerable.Range(0, 16).Select(worker => Task.Run(async () =>
        {
            for (var i = 0; i < 1500; i++)
            {
                Assert.Equal(worker + i, await fixture.Client.AddAsync(worker, i));
            }
        }))));
        Assert.Equal(0, fixture.Channel.CallsInFlight);
    }

    [Fact]
    public async Task CallsPerConnection_WaiterCancelled_PassesItsTurnOn()
    {
        await using var fixture = await RpcFixture.StartAsync(
            new RpcServerOptions { Limits = new RpcLimits { CallsPerConnection = 1 } });
        await Eventually.Soon(Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (var i = 0; i < 500; i++)
            {
                using var source = new CancellationTokenSource();
                var call = fixture.Client.AddAsync(worker, i, source.Token);
                if (random.Next(2) == 0)
                {
                    Thread.SpinWait(random.Next(3000));
                    source.Cancel();
                }

                try
                {
                    await call;
                }
                catch (OperationCanceledException) when (source.IsCancellationRequested)
                {
                    // Either may win.
                }
            }
        }))));
        Assert.Equal(3, await Eventually.Soon(fixture.Client.AddAsync(1, 2)));
    }

    [Fact]
    public async Task ConcurrentCalls_OverTheServersLimit_AreRefusedUndispatched()
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { MaxConcurrentCalls = 2 });
        var running = new[] { fixture.Client.WaitAsync(1).AsTask(), fixture.Client.WaitAsync(2).AsTask() };
        await Eventually.True(() => fixture.Service.Running == 2);
        var faults = new[]
        {
            await Eventually.Fault(fixture.Client.WaitAsync(3)),
            await Eventually.Fault(fixture.Client.SumAsync(new[] { 1 }.ToAsyncEnumerable())),
            await Assert.ThrowsAsync<RpcFaultException>(() => Eventually.All(fixture.Client.FloodAsync(1))),
        };
        Assert.All(faults, f => Assert.Equal((RpcStatusCode.ResourceExhausted, false), (f.Status, f.MayHaveExecuted)));
        Assert.Equal(2, fixture.Service.Started);
        fixture.Service.Gate.SetResult(0);
        Assert.Equal(3, (await Eventually.Soon(Task.WhenAll(running))).Sum());
        Assert.Equal(3, await Eventually.Soon(fixture.Client.AddAsync(1, 2)));
    }

    [Fact]
    public async Task StreamCalls_OverTheConnectionsLimit_AreRefusedUndispatched()
    {
        await using var fixture = await RpcFixture.StartAsync(
            new RpcServerOptions { Limits = new RpcLimits { CallsPerConnection = 1 } });
        var call = fixture.Client.WaitAsync(1).AsTask();
        await Eventually.True(() => fixture.Service.Running == 1);
        var fault = await Assert.ThrowsAsync<RpcFaultException>(() => Eventually.All(fixture.Client.RangeAsync(0, 1)));
        Assert.Equal((RpcStatusCode.ResourceExhausted, false), (fault.Status, fault.MayHaveExecuted));
        fixture.Service.Gate.SetResult(0);
        await Eventually.Soon(call);
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal([i], await Eventually.All(fixture.Client.RangeAsync(i, 1)));
        }
    }

    [Fact]
    public async Task ServerStreaming_SlowReader_SlowsTheProducer()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var items = fixture.Client.FloodAsync(10_000).GetAsyncEnumerator();
        Assert.True(await Eventually.Soon(items.MoveNextAsync()));
        var stalledAt = await StalledAsync(() => Volatile.Read(ref fixture.Service.Yielded));

        // A stream's receive window (1 MiB), the batches of both sides, and the reader's buffer: far below 3 MiB.
        Assert.InRange(stalledAt, 51, 300);
        for (var i = 0; i < 1000; i++)
        {
            Assert.True(await Eventually.Soon(items.MoveNextAsync()));
        }

        await items.DisposeAsync();
        await Eventually.True(() => fixture.Service.Running == 0);
    }

    [Fact]
    public async Task ClientStreaming_SlowHandler_SlowsTheSource()
    {
        await using var fixture = await RpcFixture.StartAsync();
        using var source = new CancellationTokenSource();
        var produced = 0;

        // The server gives back what it reads, and nobody reads that: it stops reading, and so the source.
        var mirrored = fixture.Client.MirrorAsync(Texts(), source.Token).GetAsyncEnumerator();
        Assert.True(await Eventually.Soon(mirrored.MoveNextAsync()));
        var stalledAt = await StalledAsync(() => Volatile.Read(ref produced));

        // Both directions' windows (1 MiB each), batches and buffers.
        Assert.InRange(stalledAt, 51, 600);
        await mirrored.DisposeAsync();
        await Eventually.True(() => fixture.Server.CallsInFlight == 0);

        async IAsyncEnumerable<string> Texts()
        {
            var text = new string('x', 10_000);
            while (true)
            {
                Interlocked.Increment(ref produced);
                yield return text;
                await Task.Yield();
            }
        }
    }

    /// <summary>
    /// Where a count comes to rest. A source that nothing slows never does; one that a loaded machine merely held up is found below its
    /// bound, which is what the callers assert.
    /// </summary>
    private static async Task<int> StalledAsync(Func<int> count)
    {
        var (last, same) = (0, 0);
        await Eventually.True(() =>
        {
            var now = count();
            (last, same) = (now, now == last ? same + 1 : 0);
            return last > 50 && same >= 100;
        });
        return last;
    }

    [Fact]
    public void Limits_OutOfRange_AreRefusedByName()
    {
        var thrown = Assert.Throws<ArgumentOutOfRangeException>(
            () => new RpcServer(new RpcServiceMap(), new RpcServerOptions { Limits = new RpcLimits { MetadataBytes = 70_000 } }));
        Assert.Contains("MetadataBytes", thrown.Message);
    }

    private static RpcChannelOptions With(RpcChannelOptions options, RpcLimits limits) =>
        new() { EndPoint = options.EndPoint, Tls = options.Tls, Limits = limits };
}
