using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;
using RpcNet.Cluster.Client;
using RpcNet.Cluster.Tests.Registry;

namespace RpcNet.Cluster.Tests.Client;

/// <summary>When channels are opened and closed, over channels that only count.</summary>
public sealed class WorkerChannelPoolTests : IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly FakeMembership _membership = new();
    private readonly ConcurrentQueue<CountingChannel> _made = new();
    private WorkerChannelPool? _pool;
    private WorkerRegistry? _registry;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Join_WarmChannels_AreConnectedBeforeTheFirstCallUpToTheLimit()
    {
        await StartAsync(o => o.WarmChannels = 2);

        _membership.JoinMany(4);

        await Eventually.HoldsAsync(() => _registry!.Count == 4 && _made.Count(c => c.Connects == 1) == 2, "two warm channels");
        Assert.Equal(2, _pool!.Count);
    }

    [Fact]
    public async Task Join_WarmingFails_LaterCallsStillGetTheChannel()
    {
        await StartAsync(failConnects: true);
        _membership.Join("a", 1);
        await Eventually.HoldsAsync(() => _made.Any(c => c.Connects == 1), "the attempt");

        using var use = _pool!.Use(_registry!.Workers[0]);

        Assert.Same(_made.Single().Invoker, use.Invoker);
    }

    [Fact]
    public async Task Leave_CallInProgress_ClosesAfterIt()
    {
        await StartAsync();
        var a = _membership.Join("a", 1);
        await Eventually.HoldsAsync(() => _registry!.Count == 1);
        var worker = _registry!.Workers[0];
        var use = _pool!.Use(worker);

        _membership.Leave(a);
        await Eventually.HoldsAsync(() => _pool.Count == 0, "the retirement");
        var refused = Assert.Throws<RpcFaultException>(() => _pool.Use(worker));
        Assert.False(refused.MayHaveExecuted);
        Assert.False(_made.Single().IsClosed);

        use.Dispose();
        await Eventually.HoldsAsync(() => _made.Single().IsClosed, "the close after the last call");
    }

    [Fact]
    public async Task Leave_CallWithoutEnd_ClosesAfterTheDrainTimeout()
    {
        await StartAsync(o => o.DrainTimeout = TimeSpan.FromSeconds(30));
        var a = _membership.Join("a", 1);
        await Eventually.HoldsAsync(() => _registry!.Count == 1);
        using var use = _pool!.Use(_registry!.Workers[0]);
        _membership.Leave(a);
        await Eventually.HoldsAsync(() => _pool.Count == 0, "the retirement");

        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.False(_made.Single().IsClosed);
        await Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return _made.Single().IsClosed;
            },
            "the close at the timeout");
    }

    [Fact]
    public async Task Failure_CallInProgress_ClosesAtOnce()
    {
        await StartAsync();
        var a = _membership.Join("a", 1);
        await Eventually.HoldsAsync(() => _registry!.Count == 1);
        using var use = _pool!.Use(_registry!.Workers[0]);

        _membership.Fail(a);

        await Eventually.HoldsAsync(() => _made.Single().IsClosed, "the close in the middle of the call");
        Assert.Equal("a is gone, it failed", _made.Single().CloseReason);
    }

    [Fact]
    public async Task Idle_Unused_IsClosedAndOpenedAgainByTheNextCall()
    {
        await StartAsync(o => (o.IdleTimeout, o.WarmChannels) = (TimeSpan.FromMinutes(1), 0));
        _membership.Join("a", 1);
        _membership.Join("b", 2);
        await Eventually.HoldsAsync(() => _registry!.Count == 2);
        var (a, b) = (_registry!.Workers[0], _registry.Workers[1]);
        _pool!.Use(a).Dispose();
        using var busy = _pool.Use(b);

        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(2, _pool.Count);
        _time.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(1, _pool.Count);
        await Eventually.HoldsAsync(() => _made.Count(c => c.IsClosed) == 1, "the close of the idle one");

        _pool.Use(a).Dispose();
        Assert.Equal(3, _made.Count);
    }

    [Fact]
    public async Task Limit_Reached_TheLongestUnusedGivesWayAndWhenAllAreInUseTheCallIsRefused()
    {
        await StartAsync(o => (o.MaxChannels, o.WarmChannels) = (2, 0));
        _membership.JoinMany(3);
        await Eventually.HoldsAsync(() => _registry!.Count == 3);
        var workers = _registry!.Workers;
        _pool!.Use(workers[0]).Dispose();
        _time.Advance(TimeSpan.FromSeconds(1));
        var second = _pool.Use(workers[1]);
        using var third = _pool.Use(workers[2]);
        Assert.Equal(2, _pool.Count);
        await Eventually.HoldsAsync(() => _made.First().IsClosed, "the close of the longest unused one");

        var refused = Assert.Throws<RpcFaultException>(() => _pool.Use(workers[0]));
        Assert.Equal((RpcStatusCode.Unavailable, false), (refused.Status, refused.MayHaveExecuted));
        Assert.Contains("RpcNet:Cluster:Pool:MaxChannels", refused.Message, StringComparison.Ordinal);

        second.Dispose();
        _pool.Use(workers[0]).Dispose();
        Assert.Equal(2, _pool.Count);
    }

    [Fact]
    public async Task Dispose_ClosesEveryChannel()
    {
        await StartAsync();
        _membership.JoinMany(3);
        await Eventually.HoldsAsync(() => _pool!.Count == 3, "the warm channels");

        await _registry!.DisposeAsync();
        await _pool!.DisposeAsync();

        Assert.All(_made, static c => Assert.True(c.IsClosed));
        Assert.Throws<RpcFaultException>(() => _pool.Use(_registry.Workers[0]));
    }

    public async ValueTask DisposeAsync()
    {
        if (_registry is not null)
        {
            await _registry.DisposeAsync();
            await _pool!.DisposeAsync();
        }
    }

    private async Task StartAsync(Action<WorkerChannelPoolOptions>? configure = null, bool failConnects = false)
    {
        var options = new WorkerChannelPoolOptions();
        configure?.Invoke(options);
        _pool = new WorkerChannelPool(
            _ =>
            {
                var channel = new CountingChannel(failConnects);
                _made.Enqueue(channel);
                return channel;
            },
            options,
            timeProvider: _time);
        _registry = new WorkerRegistry(
            _membership, new WorkerRegistryOptions { WatchLoad = false }, _pool, timeProvider: _time, seed: 1);
        await _registry.StartAsync(Token);
    }

    private sealed class CountingChannel(bool failConnects) : WorkerChannel
    {
        private int _connects;
        private volatile bool _closed;

        public override RpcInvoker Invoker { get; } = new NoInvoker();

        public int Connects => Volatile.Read(ref _connects);

        public bool IsClosed => _closed;

        public string? CloseReason { get; private set; }

        public override ValueTask ConnectAsync(CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _connects);
            return failConnects
                ? throw new RpcFaultException(RpcStatusCode.Unavailable, "nobody there") { MayHaveExecuted = false }
                : ValueTask.CompletedTask;
        }

        public override ValueTask CloseAsync(string reason)
        {
            CloseReason = reason;
            _closed = true;
            return ValueTask.CompletedTask;
        }
    }

    private sealed class NoInvoker : RpcInvoker
    {
        public override ValueTask<TResponse> InvokeUnaryAsync<TRequest, TResponse>(
            RpcUnaryMethod<TRequest, TResponse> method, TRequest request, RpcCallOptions? options, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public override ValueTask<TOutput> InvokeClientStreamingAsync<TRequest, TInput, TOutput>(
            RpcStreamingMethod<TRequest, TInput, TOutput> method,
            TRequest request,
            IAsyncEnumerable<TInput> input,
            RpcCallOptions? options,
            CancellationToken cancellationToken) => throw new NotSupportedException();

        public override IAsyncEnumerable<TOutput> InvokeStreaming<TRequest, TInput, TOutput>(
            RpcStreamingMethod<TRequest, TInput, TOutput> method,
            TRequest request,
            IAsyncEnumerable<TInput>? input,
            RpcCallOptions? options,
            CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
