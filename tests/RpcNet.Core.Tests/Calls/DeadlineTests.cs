using Microsoft.Extensions.Time.Testing;
using RpcNet.Client;
using RpcNet.Core.Tests.Support;

namespace RpcNet.Core.Tests.Calls;

public sealed class DeadlineTests
{
    [Fact]
    public async Task Unary_DeadlinePasses_FailsTheCallAndCancelsTheHandler()
    {
        var time = new FakeTimeProvider();
        await using var fixture = await RpcFixture.StartAsync(time: time);
        var call = fixture.Client.WithTimeout(TimeSpan.FromSeconds(1)).WaitAsync(1);
        await Eventually.True(() => fixture.Service.Running == 1);
        await AdvanceAsync(fixture, time, TimeSpan.FromMilliseconds(999));
        Assert.Equal(1, fixture.Service.Running);
        Assert.False(call.IsCompleted);
        await AdvanceAsync(fixture, time, TimeSpan.FromMilliseconds(2));
        var fault = await Eventually.Fault(call);
        Assert.Equal(RpcStatusCode.DeadlineExceeded, fault.Status);
        Assert.Contains("tests.v1.Probe/Wait", fault.Message);
        await Eventually.True(() => fixture.Service.Cancelled == 1);
        await Eventually.True(() => fixture.Channel.CallsInFlight == 0 && fixture.Server.CallsInFlight == 0);
    }

    /// <summary>Deadlines travel as the time that is left, so the two clocks need not agree.</summary>
    [Fact]
    public async Task ClocksDecadesApart_TheHandlerSeesTheTimeThatIsLeft()
    {
        await using var fixture = await RpcFixture.StartAsync(time: new FakeTimeProvider(new DateTimeOffset(1999, 12, 31, 0, 0, 0, TimeSpan.Zero)));
        await using var channel = new RpcChannel(fixture.ClientTransport, fixture.ChannelOptions, timeProvider: TimeProvider.System);
        var left = new List<TimeSpan?>();
        fixture.Service.OnCall = context =>
        {
            left.Add(context.RemainingTime);
            return default;
        };
        var client = channel.CreateClient<IProbe>().WithTimeout(TimeSpan.FromHours(1));
        await Eventually.Soon(client.EchoAsync("x"));
        await Eventually.All(client.RangeAsync(1, 1));
        Assert.Equal(2, left.Count);
        Assert.All(left, static rest => Assert.InRange(rest!.Value, TimeSpan.FromMinutes(59), TimeSpan.FromHours(1)));
    }

    [Fact]
    public async Task Unary_DeadlineAtTheServerAlone_AnswersDeadlineExceeded()
    {
        // The client's clock stands still, so that only the server's deadline can end the call.
        var time = new FakeTimeProvider();
        await using var fixture = await RpcFixture.StartAsync(time: time);
        await using var channel = new RpcChannel(
            fixture.ClientTransport, fixture.ChannelOptions, timeProvider: new FakeTimeProvider(DateTimeOffset.UnixEpoch));
        var client = channel.CreateClient<IProbe>().WithTimeout(TimeSpan.FromMinutes(5));
        var calls = new Task[] { client.WaitAsync(1).AsTask(), client.SumAsync(Never()).AsTask(), Eventually.All(client.FloodAsync(70_000)) };
        await Eventually.True(() => fixture.Service.Running == 3);
        for (var i = 0; i < 301; i++)
        {
            await AdvanceAsync(fixture, time, TimeSpan.FromSeconds(1));
        }

        foreach (var call in calls)
        {
            var fault = await Assert.ThrowsAsync<RpcFaultException>(() => Eventually.Soon(call));
            Assert.Equal(RpcStatusCode.DeadlineExceeded, fault.Status);
        }
    }

    /// <summary>Timers count in whole milliseconds of another clock, so that one may fire a little before the deadline.</summary>
    [Fact]
    public async Task Streaming_ServersTimerFiresEarly_AnswersDeadlineExceeded()
    {
        var time = new FakeTimeProvider();
        await using var fixture = await RpcFixture.StartAsync(time: new HastyTimers(time));
        await using var channel = new RpcChannel(
            fixture.ClientTransport, fixture.ChannelOptions, timeProvider: new FakeTimeProvider(DateTimeOffset.UnixEpoch));
        var client = channel.CreateClient<IProbe>().WithTimeout(TimeSpan.FromMilliseconds(50));
        var calls = new Task[] { client.SumAsync(Never()).AsTask(), Eventually.All(client.FloodAsync(70_000)) };
        await Eventually.True(() => fixture.Service.Running == 2);

        time.Advance(TimeSpan.FromMilliseconds(49.5));

        foreach (var call in calls)
        {
            var fault = await Assert.ThrowsAsync<RpcFaultException>(() => Eventually.Soon(call));
            Assert.Equal(RpcStatusCode.DeadlineExceeded, fault.Status);
        }
    }

    [Fact]
    public async Task ClientStreaming_DeadlinePasses_FailsTheCallAndCancelsTheHandler()
    {
        var time = new FakeTimeProvider();
        await using var fixture = await RpcFixture.StartAsync(time: time);
        var call = fixture.Client.WithTimeout(TimeSpan.FromSeconds(1)).SumAsync(Never());
        await Eventually.True(() => fixture.Service.Running == 1);
        await AdvanceAsync(fixture, time, TimeSpan.FromSeconds(1.001));
        var fault = await Eventually.Fault(call);
        Assert.Equal(RpcStatusCode.DeadlineExceeded, fault.Status);
        await Eventually.True(() => fixture.Service.Cancelled == 1 && fixture.Server.CallsInFlight == 0);
    }

    [Fact]
    public async Task ServerStreaming_DeadlinePassesWhileTheClientDoesNotRead_EndsBothSides()
    {
        var time = new FakeTimeProvider();
        await using var fixture = await RpcFixture.StartAsync(time: time);
        var items = fixture.Client.WithTimeout(TimeSpan.FromSeconds(1)).FloodAsync(100_000).GetAsyncEnumerator();
        Assert.True(await Eventually.Soon(items.MoveNextAsync()));
        await AdvanceAsync(fixture, time, TimeSpan.FromSeconds(1.001));
        await Eventually.True(() => fixture.Service.Running == 0 && fixture.Server.CallsInFlight == 0);
        var fault = await Assert.ThrowsAsync<RpcFaultException>(async () =>
        {
            while (await Eventually.Soon(items.MoveNextAsync()))
            {
            }
        });
        Assert.Equal(RpcStatusCode.DeadlineExceeded, fault.Status);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    public async Task AnyKind_NoTimeLeft_FailsAtOnceAndIsNotSent(int milliseconds)
    {
        await using var fixture = await RpcFixture.StartAsync();
        var client = fixture.Client.WithTimeout(TimeSpan.FromMilliseconds(milliseconds) - TimeSpan.FromTicks(1));
        var faults = new[]
        {
            await Eventually.Fault(client.WaitAsync(1)),
            await Eventually.Fault(client.SumAsync(Never())),
            await Assert.ThrowsAsync<RpcFaultException>(() => Eventually.All(client.FloodAsync(1))),
        };
        Assert.All(faults, f => Assert.Equal((RpcStatusCode.DeadlineExceeded, false), (f.Status, f.MayHaveExecuted)));
        Assert.Equal(0, fixture.Service.Started);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(long.MaxValue / 20_000)]
    public async Task AnyKind_InfiniteOrHugeTimeout_Runs(long milliseconds)
    {
        await using var fixture = await RpcFixture.StartAsync();
        var timeout = milliseconds < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromMilliseconds(milliseconds);
        var client = fixture.Client.WithTimeout(timeout);
        Assert.Equal(3, await Eventually.Soon(client.AddAsync(1, 2)));
        Assert.Equal([1, 2], await Eventually.All(client.RangeAsync(1, 2)));
        Assert.Equal(3, await Eventually.Soon(client.SumAsync(new[] { 1, 2 }.ToAsyncEnumerable())));
    }

    [Fact]
    public async Task NestedCall_HasAtMostTheTimeThatIsLeft()
    {
        var time = new FakeTimeProvider();
        await using var inner = await RpcFixture.StartAsync(time: time);
        await using var outer = await RpcFixture.StartAsync(time: time);
        TimeSpan? seenByInner = null;
        inner.Service.OnCall = context =>
        {
            seenByInner = context.RemainingTime;
            return default;
        };
        var arrived = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        outer.Service.OnCall = async _ =>
        {
            arrived.SetResult();
            await goOn.Task;
            await inner.Client.EchoAsync("");
        };
        await inner.Channel.ConnectAsync();

        var call = outer.Client.WithTimeout(TimeSpan.FromSeconds(2)).EchoAsync("");
        await Eventually.Soon(arrived.Task);
        await AdvanceAsync(outer, time, TimeSpan.FromSeconds(0.7));
        goOn.SetResult();
        await Eventually.Soon(call);

        Assert.InRange(seenByInner!.Value, TimeSpan.FromSeconds(1.2), TimeSpan.FromSeconds(1.3));
    }

    [Fact]
    public async Task BackgroundWorkOfAHandler_IsNotBoundByTheCallThatStartedIt()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var ended = new TaskCompletionSource();
        Task<int>? background = null;
        RpcCallContext? held = null;
        fixture.Service.OnCall = context =>
        {
            held = context;
            background = Task.Run(async () =>
            {
                await ended.Task;
                return await fixture.Client.AddAsync(1, 2);
            });
            return default;
        };
        await Eventually.Soon(fixture.Client.WithTimeout(TimeSpan.FromMinutes(1)).EchoAsync(""));
        await Eventually.True(() => fixture.Server.CallsInFlight == 0 && held!.RemainingTime is null);
        ended.SetResult();
        Assert.Equal(3, await Eventually.Soon(background!));
        Assert.Throws<InvalidOperationException>(() => held!.RemoteEndPoint);
    }

    [Fact]
    public async Task Arm_ManyDeadlinesFromManyThreads_EachFires()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var calls = Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (var i = 0; i < 100; i++)
            {
                var fault = await Eventually.Fault(
                    fixture.Client.WithTimeout(TimeSpan.FromMilliseconds(random.Next(1, 8))).WaitAsync(i));
                Assert.Equal(RpcStatusCode.DeadlineExceeded, fault.Status);
            }
        }));
        await Eventually.Soon(Task.WhenAll(calls));
        await Eventually.True(() => fixture.Channel.CallsInFlight == 0 && fixture.Server.CallsInFlight == 0);
    }

    private static async Task AdvanceAsync(RpcFixture fixture, FakeTimeProvider time, TimeSpan span)
    {
        await fixture.Network.WaitForIdleAsync();
        time.Advance(span);
        await fixture.Network.WaitForIdleAsync();
    }

    private static async IAsyncEnumerable<int> Never(
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await Task.Delay(Timeout.Infinite, cancellationToken);
        yield return 0;
    }

    private sealed class HastyTimers(TimeProvider inner) : TimeProvider
    {
        private static readonly TimeSpan Haste = TimeSpan.FromMilliseconds(1);

        public override long TimestampFrequency => inner.TimestampFrequency;

        public override long GetTimestamp() => inner.GetTimestamp();

        public override DateTimeOffset GetUtcNow() => inner.GetUtcNow();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            inner.CreateTimer(callback, state, dueTime > Haste ? dueTime - Haste : dueTime, period);
    }
}
