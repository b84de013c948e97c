using System.Collections.Concurrent;
using System.Net;
using System.Runtime.CompilerServices;
using RpcNet.Client;
using RpcNet.Cluster.Client;
using RpcNet.Cluster.Tests.Registry;
using RpcNet.Server;
using RpcNet.Testing;
using RpcNet.Testing.InMemory;
using RpcNet.Transports;

namespace RpcNet.Cluster.Tests.Client;

/// <summary>Client, pool, registry and servers together over the in-memory network.</summary>
public sealed class ClusterClientEndToEndTests : IAsyncDisposable
{
    private readonly InMemoryNetwork _network = new();
    private readonly FakeMembership _membership = new();
    private readonly WorkerChannelPool _pool;
    private readonly WorkerRegistry _registry;
    private readonly List<IAsyncDisposable> _owned = [];

    public ClusterClientEndToEndTests()
    {
        _pool = new WorkerChannelPool(_network.CreateTransport("caller"), WorkerNode.ChannelOptions);
        _registry = new WorkerRegistry(_membership, channels: _pool, seed: 1);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Kill_UnderLoad_IdempotentCallsAllSucceedAndOthersRunAtMostOnce()
    {
        var nodes = await StartNodesAsync(5);
        await _registry.StartAsync(Token);
        var work = new ClusterClient(_registry).CreateClient<IWork>();
        var unknown = new ConcurrentBag<int>();
        var killed = 0;

        await Parallel.ForAsync(0, 4000, new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = Token }, async (i, token) =>
        {
            if (i is 1000 or 2000)
            {
                var victim = nodes[Interlocked.Increment(ref killed)];
                victim.Kill();
                _membership.Fail(victim.Member());
            }

            if (i % 2 == 0)
            {
                Assert.NotNull(await work.ReadAsync(i, token));
                return;
            }

            try
            {
                await work.WriteAsync(i, token);
            }
            catch (RpcFaultException e) when (e is { Status: RpcStatusCode.Unavailable, MayHaveExecuted: true })
            {
                unknown.Add(i);
            }
        });

        var executions = nodes.SelectMany(n => n.Executed).Where(i => i % 2 == 1).GroupBy(i => i).ToDictionary(g => g.Key, g => g.Count());
        Assert.All(executions.Values, static count => Assert.Equal(1, count));
        Assert.All(Enumerable.Range(0, 2000).Select(static i => (i * 2) + 1), i => Assert.True(executions.ContainsKey(i) || unknown.Contains(i)));
        Assert.Equal(3, _registry.Count);
        await Eventually.HoldsAsync(() => _registry.Workers.All(w => w.LocalInFlight == 0), "all local counts at zero");
    }

    [Fact]
    public async Task Failure_SeenByMembership_CallsInFlightSayWhichWorkerAndWhy()
    {
        var node = (await StartNodesAsync(1))[0];
        node.Handler = static (_, token) => new ValueTask(Task.Delay(Timeout.Infinite, token));
        await _registry.StartAsync(Token);
        var call = new ClusterClient(_registry).CreateClient<IWork>().WriteAsync(1, Token).AsTask();
        using var late = _pool.Use(_registry.Workers[0]);
        await Eventually.HoldsAsync(() => node.Executed.Count == 1, "the call");

        _membership.Fail(node.Member());

        var fault = await Assert.ThrowsAsync<RpcFaultException>(() => call);
        Assert.Equal((RpcStatusCode.Unavailable, true), (fault.Status, fault.MayHaveExecuted));
        Assert.Equal($"The connection to {node.EndPoint} was closed: n0 is gone, it failed.", fault.Message);

        // A call that got the channel just before it was closed goes to another worker instead of failing.
        fault = await Assert.ThrowsAsync<RpcFaultException>(
            () => RpcContracts.Get<IWork>().CreateClient(late.Invoker, options: null).WriteAsync(2, Token).AsTask());
        Assert.Equal((RpcStatusCode.Unavailable, false), (fault.Status, fault.MayHaveExecuted));
    }

    [Fact]
    public async Task RollingDrain_UnderLoad_NoCallFails()
    {
        var nodes = await StartNodesAsync(3);
        await _registry.StartAsync(Token);
        var work = new ClusterClient(_registry).CreateClient<IWork>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var calls = 0;
        var load = Enumerable.Range(0, 8).Select(async i =>
        {
            while (!stop.IsCancellationRequested)
            {
                await (i % 2 == 0 ? work.ReadAsync(i, Token) : work.WriteAsync(i, Token));
                Interlocked.Increment(ref calls);
            }
        }).ToList();

        for (var i = 0; i < nodes.Count; i++)
        {
            var before = Volatile.Read(ref calls);
            await Eventually.HoldsAsync(() => Volatile.Read(ref calls) > before + 50 || load.Any(t => t.IsFaulted), "progress");
            Assert.True(await nodes[i].Server.DrainAsync("restart", TimeSpan.FromSeconds(20), Token));
            _membership.Leave(nodes[i].Member());
            _membership.Join((await StartNodeAsync($"again{i}")).Member());
            await Eventually.HoldsAsync(() => _registry.Workers.Any(w => w.Id.Value == $"again{i}"), "the replacement");
        }

        await stop.CancelAsync();
        await Task.WhenAll(load);
        Assert.True(calls > 150);
    }

    [Fact]
    public async Task Director_GoesAndComesBack_ClientGoesOnMeanwhile()
    {
        var nodes = await StartNodesAsync(2);
        await _registry.StartAsync(Token);
        var transport = _network.CreateTransport("director");
        var (server, listener) = await StartDirectorAsync(transport, port: 0);
        var address = new IPEndPoint(transport.Address, listener.LocalEndPoint.Port);
        await using var client = new DirectorClient(
            _network.CreateTransport("outsider"),
            WorkerNode.ChannelOptions,
            new DirectorClientOptions { Directors = { address.ToString() }, MaxRetryDelay = TimeSpan.FromMilliseconds(200), Calls = { Tags = "role=worker" } });
        await client.StartAsync(Token);
        var work = client.CreateClient<IWork>();
        Assert.Equal(2, client.Registry.Count);
        Assert.StartsWith("n", await work.WriteAsync(1, Token), StringComparison.Ordinal);

        await server.DrainAsync("restart", TimeSpan.FromSeconds(5), Token);
        await listener.DisposeAsync();
        await Eventually.HoldsAsync(() => !client.IsFollowing, "the loss of the director");
        for (var i = 0; i < 10; i++)
        {
            Assert.StartsWith("n", await work.WriteAsync(2, Token), StringComparison.Ordinal);
        }

        _membership.Leave(nodes[0].Member());
        await Eventually.HoldsAsync(() => _registry.Count == 1, "the leave");
        (_, listener) = await StartDirectorAsync(transport, address.Port);
        await Eventually.HoldsAsync(() => client.IsFollowing && client.Registry.Count == 1, "the return to the director");
        Assert.Equal("n1", await work.WriteAsync(3, Token));
        await listener.DisposeAsync();
    }

    [Fact]
    public async Task Loss_OnOneLink_DelaysCallsAndNeitherFailsThemNorTheWorker()
    {
        var transport = _network.CreateTransport("lossy-caller");
        await using var pool = new WorkerChannelPool(transport, WorkerNode.ChannelOptions);
        await using var registry = new WorkerRegistry(_membership, channels: pool, seed: 1);
        var nodes = await StartNodesAsync(2);
        await registry.StartAsync(Token);
        var lossy = new LinkConditions { LossRate = 0.2, RetransmissionDelay = TimeSpan.FromMilliseconds(5) };
        _network.SetConditions(transport, nodes[0].Transport, lossy);
        _network.SetConditions(nodes[0].Transport, transport, lossy);
        var work = new ClusterClient(registry).CreateClient<IWork>();

        await Parallel.ForAsync(0, 300, new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Token }, async (i, token) =>
            Assert.NotNull(await work.WriteAsync(i, token)));

        Assert.All(nodes, static n => Assert.InRange(n.Executed.Count, 1, 300));
        Assert.Equal(300, nodes.Sum(static n => n.Executed.Distinct().Count()));
        Assert.All(registry.Workers, static w => Assert.Equal(WorkerState.Ready, w.State));
        Assert.Equal(2, pool.Count);
    }

    [Fact]
    public async Task Director_ReportsOfOneClient_MoveNothingThoseOfSeveralEject()
    {
        var nodes = await StartNodesAsync(4);
        await _registry.StartAsync(Token);
        var transport = _network.CreateTransport("director");

        // A loaded machine may take longer for the reports than the window lasts by default.
        var (_, listener) = await StartDirectorAsync(transport, port: 0, new DirectorServerOptions { ReportWindow = TimeSpan.FromHours(1) });
        var address = new IPEndPoint(transport.Address, listener.LocalEndPoint.Port);
        var victim = _registry.Workers[0];

        for (var i = 0; i < 20; i++)
        {
            // One machine, a new connection each time.
            await ReportAsync(_network.CreateTransport(IPAddress.Parse("10.9.9.9")));
        }

        Assert.Equal(WorkerState.Ready, victim.State);
        await ReportAsync(_network.CreateTransport("second"));
        Assert.Equal(WorkerState.Ready, victim.State);
        await ReportAsync(_network.CreateTransport("third"));
        Assert.Equal(WorkerState.Ejected, victim.State);
        Assert.Equal(3, nodes.Count(n => _registry.FindByAddress(n.EndPoint)!.State == WorkerState.Ready));
        await listener.DisposeAsync();

        async Task ReportAsync(InMemoryTransport reporter)
        {
            await using var channel = new RpcChannel(reporter, WorkerNode.ChannelOptions(address));
            await channel.CreateClient<IDirectorService>().ReportFailureAsync(victim.Id.Value, "they say so", Token);
        }
    }

    [Fact]
    public async Task Dispose_ReportUnderWay_EndsItInsteadOfLettingItFail()
    {
        var director = new HangingDirector([.. (await StartNodesAsync(4)).Select(static n => n.Member())]);
        var transport = _network.CreateTransport("director");
        await using var listener = await RpcListener.StartAsync(
            transport,
            new IPEndPoint(transport.Address, 0),
            new TlsServerOptions { SelectIdentity = _ => TestCertificates.Shared.Server },
            [new RpcServer(new RpcServiceMap().AddService<IDirectorService>(director), new RpcServerOptions())],
            cancellationToken: Token);
        var log = new LogRecorder();
        var client = new DirectorClient(
            _network.CreateTransport("outsider"),
            WorkerNode.ChannelOptions,
            new DirectorClientOptions { Directors = { new IPEndPoint(transport.Address, listener.LocalEndPoint.Port).ToString() } },
            log);
        await client.StartAsync(Token);
        await Eventually.HoldsAsync(() => client.IsFollowing, "the director");

        client.Registry.ReportFailure(client.Registry.Workers[0], "unreachable");
        await director.Reported.Task.WaitAsync(TimeSpan.FromSeconds(30), Token);
        await client.DisposeAsync();

        Assert.DoesNotContain(log.Lines, static line => line.Id == 4053);
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

    private async Task<(RpcServer Server, RpcListener Listener)> StartDirectorAsync(
        InMemoryTransport transport, int port, DirectorServerOptions? options = null)
    {
        var director = new DirectorServer(_registry, options);
        var services = new RpcServiceMap();
        director.AddTo(services);
        var server = new RpcServer(services, new RpcServerOptions());
        director.Attach(server);
        var listener = await RpcListener.StartAsync(
            transport,
            new IPEndPoint(transport.Address, port),
            new TlsServerOptions { SelectIdentity = _ => TestCertificates.Shared.Server },
            [server],
            cancellationToken: Token);
        return (server, listener);
    }

    private async Task<List<WorkerNode>> StartNodesAsync(int count)
    {
        var nodes = new List<WorkerNode>();
        for (var i = 0; i < count; i++)
        {
            nodes.Add(await StartNodeAsync($"n{i}"));
            _membership.Join(nodes[i].Member());
        }

        return nodes;
    }

    private async Task<WorkerNode> StartNodeAsync(string name)
    {
        var node = await WorkerNode.StartAsync(_network, name);
        _owned.Add(node);
        return node;
    }

    /// <summary>Names workers, and never answers a report.</summary>
    private sealed class HangingDirector(IReadOnlyList<ClusterMember> workers) : IDirectorService
    {
        public TaskCompletionSource Reported { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async IAsyncEnumerable<DirectorView> WatchAsync(
            DirectorRequest request, [EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            yield return new DirectorView
            {
                Workers =
                [
                    .. workers.Select(static w => new DirectorWorker
                    {
                        Id = w.Id.Value, Generation = w.Generation, Address = w.Address.ToString(), Tags = w.Tags.ToDictionary(),
                    }),
                ],
            };
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }

        public ValueTask ReportFailureAsync(string workerId, string reason, CancellationToken cancellationToken = default)
        {
            Reported.TrySetResult();
            return new ValueTask(Task.Delay(Timeout.Infinite, cancellationToken));
        }
    }
}
