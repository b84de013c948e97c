using RpcNet.Client;
using RpcNet.Core.Tests.Support;
using RpcNet.Framing;

namespace RpcNet.Core.Tests.Calls;

public sealed class CancellationTests
{
    [Fact]
    public async Task Unary_Cancelled_ThrowsWithTheCallersTokenAndCancelsTheHandler()
    {
        await using var fixture = await RpcFixture.StartAsync();
        using var source = new CancellationTokenSource();
        var call = fixture.Client.WaitAsync(1, source.Token).AsTask();
        await Eventually.True(() => fixture.Service.Running == 1);
        source.Cancel();
        var thrown = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.Soon(call));
        Assert.Equal(source.Token, thrown.CancellationToken);
        await Eventually.True(() => fixture.Service.Cancelled == 1);
        await Eventually.True(() => fixture.Channel.CallsInFlight == 0 && fixture.Server.CallsInFlight == 0);
    }

    [Fact]
    public async Task AnyKind_TokenCancelledBefore_DoesNotReachTheServer()
    {
        await using var fixture = await RpcFixture.StartAsync();
        using var source = new CancellationTokenSource();
        source.Cancel();
        var client = fixture.Client;
        var thrown = new[]
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.Soon(client.WaitAsync(1, source.Token))),
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => Eventually.Soon(client.SumAsync(new[] { 1 }.ToAsyncEnumerable(), source.Token))),
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                await foreach (var _ in client.FloodAsync(1, source.Token))
                {
                }
            }),
        };
        Assert.All(thrown, t => Assert.Equal(source.Token, t.CancellationToken));
        Assert.Equal(0, fixture.Service.Started);
    }

    [Fact]
    public async Task ServerStreaming_CancelledInMidStream_ThrowsWithTheCallersTokenAndCancelsTheHandler()
    {
        await using var fixture = await RpcFixture.StartAsync();
        using var source = new CancellationTokenSource();
        var count = 0;
        var thrown = await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in fixture.Client.FloodAsync(100, source.Token))
            {
                if (++count == 50)
                {
                    source.Cancel();
                }
            }
        });
        Assert.Equal(source.Token, thrown.CancellationToken);
        await Eventually.True(() => fixture.Service.Running == 0 && fixture.Service.Cancelled == 1);
        await Eventually.True(() => fixture.Server.CallsInFlight == 0);
    }

    [Fact]
    public async Task ServerStreaming_LeftEarly_ReleasesEverything()
    {
        await using var fixture = await RpcFixture.StartAsync();
        for (var i = 0; i < 50; i++)
        {
            await foreach (var _ in fixture.Client.FloodAsync(1000))
            {
                break;
            }
        }

        await Eventually.True(() => fixture.Service.Running == 0 && fixture.Service.Cancelled == 50);
        await Eventually.True(() => fixture.Server.CallsInFlight == 0);
    }

    [Fact]
    public async Task ClientStreaming_Cancelled_CancelsTheHandlerAndDisposesTheSource()
    {
        await using var fixture = await RpcFixture.StartAsync();
        using var source = new CancellationTokenSource();
        var disposed = new TaskCompletionSource();
        async IAsyncEnumerable<int> Source([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken token = default)
        {
            try
            {
                yield return 1;
                await Task.Delay(Timeout.Infinite, token);
            }
            finally
            {
                disposed.SetResult();
            }
        }

        var call = fixture.Client.SumAsync(Source(), source.Token).AsTask();
        await Eventually.True(() => fixture.Service.Received.Count == 1);
        source.Cancel();
        var thrown = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.Soon(call));
        Assert.Equal(source.Token, thrown.CancellationToken);
        await Eventually.Soon(disposed.Task);
        await Eventually.True(() => fixture.Service.Cancelled == 1);
    }

    [Fact]
    public async Task ClientStreaming_AnsweredEarly_DoesNotWaitForASourceThatIgnoresItsToken()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var letGo = new TaskCompletionSource();
        var disposed = new TaskCompletionSource();
        async IAsyncEnumerable<int> Source()
        {
            try
            {
                yield return 5;
                await letGo.Task;
            }
            finally
            {
                disposed.SetResult();
            }
        }

        Assert.Equal(5, await Eventually.Soon(fixture.Client.TakeAsync(1, Source())));
        Assert.False(disposed.Task.IsCompleted);
        letGo.SetResult();
        await Eventually.Soon(disposed.Task);
    }

    [Fact]
    public async Task Bidirectional_LeftEarly_CancelsTheHandlerAndTheSource()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var disposed = new TaskCompletionSource();
        async IAsyncEnumerable<int> Source([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken token = default)
        {
            try
            {
                for (var i = 0; ; i++)
                {
                    yield return i;
                    await Task.Delay(1, token);
                }
            }
            finally
            {
                disposed.SetResult();
            }
        }

        await foreach (var item in fixture.Client.ScaleAsync(2, Source()))
        {
            if (item == 10)
            {
                break;
            }
        }

        await Eventually.Soon(disposed.Task);
        await Eventually.True(() => fixture.Service.Running == 0 && fixture.Server.CallsInFlight == 0);
    }

    [Fact]
    public async Task HundredThousandCancelledCalls_LeaveNothingBehind()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await Eventually.Soon(Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (var round = 0; round < 100; round++)
            {
                using var source = new CancellationTokenSource();
                var calls = new Task<int>[250];
                for (var i = 0; i < calls.Length; i++)
                {
                    calls[i] = fixture.Client.WaitAsync(i, source.Token).AsTask();
                }

                if (random.Next(2) == 0)
                {
                    await Task.Yield();
                }

                source.Cancel();
                foreach (var call in calls)
                {
                    await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
                }
            }
        }))));

        await Eventually.True(() => fixture.Channel.CallsInFlight == 0);
        await Eventually.True(() => fixture.Server.CallsInFlight == 0 && fixture.Service.Running == 0);
        Assert.Equal(3, await Eventually.Soon(fixture.Client.AddAsync(1, 2)));
    }

    /// <summary>While the lane is stuck: a request that was not written disappears, and CANCEL goes ahead of the others.</summary>
    [Fact]
    public async Task Cancel_OvertakesDataThatIsNotWrittenYet()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var tap = new TapTransport(fixture.ClientTransport);
        var channel = fixture.CreateChannel(
            o => new RpcChannelOptions { EndPoint = o.EndPoint, Tls = o.Tls, Limits = new RpcLimits { Lanes = 1 } }, tap);
        var client = channel.CreateClient<IProbe>();

        // Both methods are defined on the lane before, so that nothing but calls is written below.
        fixture.Service.Gate.SetResult(0);
        await Eventually.Soon(client.WaitAsync(0));
        fixture.Service.Gate = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        await Eventually.Soon(client.EchoAsync("x"));

        // The gate shuts: the first request is being written, the others wait behind it.
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        tap.WriteGate = gate;
        using var first = new CancellationTokenSource();
        using var last = new CancellationTokenSource();
        var cancelled = client.WaitAsync(1, first.Token).AsTask();
        await Eventually.True(() => tap.HeldWrites == 1);
        var others = Enumerable.Range(0, 20).Select(i => client.EchoAsync($"other {i}").AsTask()).ToList();
        var withdrawn = client.WaitAsync(2, last.Token).AsTask();
        first.Cancel();
        last.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.Soon(cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.Soon(withdrawn));
        tap.WriteGate = null;
        gate.SetResult();
        await Eventually.Soon(Task.WhenAll(others));

        var frames = tap.Frames(sent: true).Select(static f => f.Header).ToList();
        var cancel = frames.FindIndex(static h => h.Type == FrameType.Cancel);
        var request = frames.FindIndex(h => h.Type == FrameType.Request && h.CallId == frames[cancel].CallId);
        Assert.Equal(request + 1, cancel);
        Assert.Equal(20, frames.Skip(cancel).Count(static h => h.Type == FrameType.Request));
        Assert.Single(frames, static h => h.Type == FrameType.Padding);
        Assert.Single(frames, static h => h.Type == FrameType.Cancel);
        await Eventually.True(() => fixture.Service is { Started: 2, Cancelled: 1 } && channel.CallsInFlight == 0);
    }

    [Fact]
    public async Task CancellationRacingWithTheAnswer_EndsEachCallOnce()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var answered = 0;
        await Eventually.Soon(Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (var i = 0; i < 3000; i++)
            {
                using var source = new CancellationTokenSource();
                var call = fixture.Client.AddAsync(worker, i, source.Token);
                Thread.SpinWait(random.Next(2000));
                source.Cancel();
                try
                {
                    Assert.Equal(worker + i, await call);
                    Interlocked.Increment(ref answered);
                }
                catch (OperationCanceledException e)
                {
                    Assert.Equal(source.Token, e.CancellationToken);
                }
            }
        }))));

        Assert.InRange(answered, 1, 23_999);
        await Eventually.True(() => fixture.Channel.CallsInFlight == 0 && fixture.Server.CallsInFlight == 0);
    }

    [Fact]
    public async Task LargeResponse_Cancelled_DoesNotHurtTheConnection()
    {
        await using var fixture = await RpcFixture.StartAsync();
        for (var i = 0; i < 200; i++)
        {
            using var source = new CancellationTokenSource();
            var call = fixture.Client.ResizeAsync(new Payload([]), 500_000, source.Token);
            Thread.SpinWait(i * 100);
            source.Cancel();
            try
            {
                Assert.Equal(500_000, (await call).Data.Length);
            }
            catch (OperationCanceledException)
            {
                // Either may win.
            }
        }

        await Eventually.True(() => fixture.Channel.CallsInFlight == 0 && fixture.Server.CallsInFlight == 0);
        Assert.Equal(3, await Eventually.Soon(fixture.Client.AddAsync(1, 2)));
        Assert.Equal(1, fixture.Server.Connections);
    }
}
