using RpcNet.Client;
using RpcNet.Cluster.Tests.Client;
using RpcNet.Testing.InMemory;

namespace RpcNet.Cluster.Tests.Registry;

public sealed class WorkerLoadTests : IAsyncDisposable
{
    private readonly InMemoryNetwork _network = new();
    private readonly FakeMembership _membership = new();
    private readonly WorkerChannelPool _pool;
    private readonly WorkerRegistry _registry;
    private readonly List<IAsyncDisposable> _owned = [];

    public WorkerLoadTests()
    {
        _pool = new WorkerChannelPool(_network.CreateTransport("director"), WorkerNode.ChannelOptions);
        _registry = new WorkerRegistry(_membership, channels: _pool, seed: 1);
    }

    [Fact]
    public async Task InFlight_SomeoneElseCalls_IsKnownToTheRegistryAndReturnsToZero()
    {
        var node = await StartNodeAsync("a");
        var release = new TaskCompletionSource();
        node.Handler = async (_, token) => await release.Task.WaitAsync(token);
        await _registry.StartAsync(TestContext.Current.CancellationToken);
        var worker = _registry.Workers.Single();
        await Eventually.HoldsAsync(() => worker.Load is not null, "a first report");
        Assert.Equal(0, worker.ActiveConnections);

        var client = Own(new RpcChannel(_network.CreateTransport("client"), WorkerNode.ChannelOptions(node.EndPoint))).CreateClient<IWork>();
        var call = client.ReadAsync(1, TestContext.Current.CancellationToken);
        await Eventually.HoldsAsync(() => worker.ActiveConnections == 1, "the call in the count");

        release.SetResult();
        await call;
        await Eventually.HoldsAsync(() => worker.ActiveConnections == 0, "the end of the call in the count");
        Assert.Equal(2, worker.OpenConnections);
        Assert.Equal(1, node.Reporter.Watchers);
    }

    [Fact]
    public async Task HandOver_CallRunsAtTheWorker_CountsOnceThroughout()
    {
        var node = await StartNodeAsync("a");
        node.Handler = static async (_, token) => await Task.Delay(Timeout.Infinite, token);
        await _registry.StartAsync(TestContext.Current.CancellationToken);
        var worker = _registry.Workers.Single();
        await Eventually.HoldsAsync(() => worker.Load is not null, "a first report");

        _registry.Select("role=worker").HandOver();
        Assert.Equal(1, worker.InFlight);
        using var cancellation = new CancellationTokenSource();
        var client = Own(new RpcChannel(_network.CreateTransport("client"), WorkerNode.ChannelOptions(node.EndPoint))).CreateClient<IWork>();
        var call = client.ReadAsync(1, cancellation.Token);
        await Eventually.HoldsAsync(() => worker.Load!.InFlight == 1, "the call in a report");

        Assert.Equal(1, worker.InFlight);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await call);
        await Eventually.HoldsAsync(() => worker.InFlight == 0, "the end of the call in the count");
    }

    [Fact]
    public async Task Drain_WatchedWorker_IsTakenOutAndNotHeldUpByTheWatch()
    {
        var node = await StartNodeAsync("a");
        await StartNodeAsync("b");
        await _registry.StartAsync(TestContext.Current.CancellationToken);
        await Eventually.HoldsAsync(() => _registry.Workers.All(w => w.Load is not null), "the first reports");

        var drained = await node.Server.DrainAsync("restart", TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);

        Assert.True(drained);
        await Eventually.HoldsAsync(() => _registry.Workers[0].State == WorkerState.Draining, "the draining state");
        using var lease = _registry.Select();
        Assert.Equal("b", lease.Worker.Label);
    }

    [Fact]
    public async Task Phase_Starting_GetsNoCallsUntilReady()
    {
        var node = await StartNodeAsync("a");
        node.Reporter.Phase = WorkerPhase.Starting;
        await _registry.StartAsync(TestContext.Current.CancellationToken);
        var worker = _registry.Workers.Single();
        await Eventually.HoldsAsync(() => worker.State == WorkerState.Starting, "the starting state");
        Assert.False(_registry.TrySelect(null, out _));

        node.Reporter.Phase = WorkerPhase.Ready;
        await Eventually.HoldsAsync(() => worker.State == WorkerState.Ready, "the ready state");
        Assert.True(_registry.TrySelect(null, out var lease));
        lease.Dispose();
    }

    [Fact]
    public async Task Removal_FailedWorker_ClosesItsConnectionAtOnce()
    {
        var node = await StartNodeAsync("a");
        await _registry.StartAsync(TestContext.Current.CancellationToken);
        await Eventually.HoldsAsync(() => node.Reporter.Watchers == 1 && node.Server.Connections == 1, "the watch");

        _membership.Fail(node.Member());

        await Eventually.HoldsAsync(() => _pool.Count == 0 && node.Server.Connections == 0, "the closed connection");
        Assert.Equal(0, node.Reporter.Watchers);
    }

    public async ValueTask DisposeAsync()
    {
        await _registry.DisposeAsync();
        await _pool.DisposeAsync();
        foreach (var owned in Enumerable.Reverse(_owned))
        {
            await owned.DisposeAsync();
        }
    }

    private async Task<WorkerNode> StartNodeAsync(string name)
    {
        var node = Own(await WorkerNode.StartAsync(_network, name));
        _membership.Join(node.Member());
        return node;
    }

    private T Own<T>(T resource)
        where T : IAsyncDisposable
    {
        _owned.Add(resource);
        return resource;
    }
}
