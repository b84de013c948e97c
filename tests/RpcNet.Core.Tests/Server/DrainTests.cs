using System.Collections.Concurrent;
using RpcNet.Client;
using RpcNet.Core.Tests.Support;
using RpcNet.Server;

namespace RpcNet.Core.Tests.Server;

public sealed class DrainTests
{
    [Fact]
    public async Task Drain_RunningCallsFinish_NewOnesAreRefused()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var slow = fixture.Client.WaitAsync(7).AsTask();
        var stream = fixture.Client.FloodAsync(10).GetAsyncEnumerator();
        Assert.True(await Eventually.Soon(stream.MoveNextAsync()));
        await Eventually.True(() => fixture.Service.Running == 2);
        var states = new ConcurrentQueue<RpcChannelStateChange>();
        fixture.Channel.StateChanged += (_, change) => states.Enqueue(change);

        var drain = fixture.Server.DrainAsync("maintenance", TimeSpan.FromSeconds(20));
        await Eventually.True(() => !fixture.Channel.IsReady);

        // Handlers are called after the state has changed.
        await Eventually.True(() => states.Any(s => s.Reason == "maintenance"));
        var fault = await Eventually.Fault(fixture.Client.TouchAsync());
        Assert.Equal((RpcStatusCode.Unavailable, false), (fault.Status, fault.MayHaveExecuted));
        Assert.False(drain.IsCompleted);

        fixture.Service.Gate.SetResult(0);
        Assert.Equal(7, await Eventually.Soon(slow));
        Assert.True(await Eventually.Soon(stream.MoveNextAsync()));
        await stream.DisposeAsync();
        Assert.True(await Eventually.Soon(drain));
        await Eventually.True(() => fixture.Server.Connections == 0);
    }

    [Fact]
    public async Task Drain_UnderLoad_LosesNoAnswer()
    {
        for (var round = 0; round < 20; round++)
        {
            await using var fixture = await RpcFixture.StartAsync();
            var workers = Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
            {
                for (var i = 0; ; i++)
                {
                    try
                    {
                        Assert.Equal(i + 1, await fixture.Client.AddAsync(i, 1));
                        Assert.Equal(20_000, (await fixture.Client.ResizeAsync(new Payload([]), 20_000)).Data.Length);
                    }
                    catch (RpcFaultException e)
                    {
                        Assert.Equal((RpcStatusCode.Unavailable, false), (e.Status, e.MayHaveExecuted));
                        return i;
                    }
                }
            })).ToArray();
            await Eventually.True(() => fixture.Channel.IsReady);
            Assert.True(await Eventually.Soon(fixture.Server.DrainAsync("bye", TimeSpan.FromSeconds(20))));
            await Eventually.Soon(Task.WhenAll(workers));
        }
    }

    [Fact]
    public async Task DrainingServer_IsNotConnectedToAgainAndAgain()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await fixture.Server.DrainAsync("bye", TimeSpan.FromSeconds(20));
        var attempts = 0;
        fixture.Channel.StateChanged += (_, change) => attempts += change.State == RpcChannelState.Connecting ? 1 : 0;
        for (var i = 0; i < 200; i++)
        {
            var fault = await Eventually.Fault(fixture.Client.TouchAsync());
            Assert.Equal((RpcStatusCode.Unavailable, false), (fault.Status, fault.MayHaveExecuted));
        }

        Assert.InRange(attempts, 1, 20);
    }

    [Fact]
    public async Task Drain_OutOfTime_CancelsWhatStillRuns()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var slow = fixture.Client.WaitAsync(7).AsTask();
        await Eventually.True(() => fixture.Service.Running == 1);
        Assert.False(await Eventually.Soon(fixture.Server.DrainAsync("now", TimeSpan.FromMilliseconds(50))));
        var fault = await Assert.ThrowsAsync<RpcFaultException>(() => Eventually.Soon(slow));
        Assert.Equal(RpcStatusCode.Unavailable, fault.Status);
        Assert.Contains("shutting down", fault.Message);
        await Eventually.True(() => fixture.Service.Cancelled == 1 && fixture.Server.Connections == 0);
    }

    [Fact]
    public async Task Stop_HandlerIgnoresItsCancellation_IsNotWaitedForForEver()
    {
        var letGo = new TaskCompletionSource();
        var started = new TaskCompletionSource();
        await using var fixture = await RpcFixture.StartAsync(
            new RpcServerOptions { HandlerExitTimeout = TimeSpan.FromMilliseconds(50) });
        fixture.Service.OnCall = async _ =>
        {
            started.SetResult();
            await letGo.Task;
        };
        var call = fixture.Client.EchoAsync("").AsTask();
        await Eventually.Soon(started.Task);
        await Eventually.Soon(fixture.Listener.DisposeAsync());
        await Assert.ThrowsAsync<RpcFaultException>(() => Eventually.Soon(call));
        letGo.SetResult();
        await Eventually.True(() => fixture.Server.CallsInFlight == 0);
    }
}
