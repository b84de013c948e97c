using System.Net;
using Microsoft.Extensions.Hosting;
using RpcNet.Testing.Hosting;
using RpcNet.Testing.InMemory;
using RpcNet.Testing.VirtualTime;

namespace RpcNet.Testing;

/// <summary>
/// A whole cluster in one process: each node is an application's host, as in <see cref="RpcTestHost"/>, on one network in memory
/// and on one virtual time, which stands still unless the test advances it.
/// </summary>
/// <remarks>
/// <para>
/// The clock moves from one due timer to the next, and only when nothing is in flight: no call, message, continuation or item
/// of the thread pool that the nodes, or the test by way of them, have caused. That is counted, not guessed, however loaded the
/// machine is and whatever other tests do in the process, so that a time-out fires only where the cluster's own time ran out.
/// </para>
/// <para>
/// What has to hold for that: services wait by the <see cref="TimeProvider"/> of their container, do not reach the network
/// outside, and do not block threads of the pool; the test awaits what it starts instead of blocking on it. Code of the test
/// that runs beside <see cref="AdvanceAsync(TimeSpan, CancellationToken)"/> under a <see cref="SynchronizationContext"/> of the test framework is started by
/// <see cref="RunAsync(Func{Task})"/>. Work on threads of the services' own is seen once it runs. Members may be called concurrently;
/// what they do to the cluster happens one after the other.
/// </para>
/// </remarks>
public sealed partial class RpcTestCluster : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(5);

    private readonly RpcTestClusterOptions _options;
    private readonly Pump _pump;
    private readonly List<RpcTestNode> _nodes = [];
    private readonly List<(IHost Host, InMemoryTransport Transport, NodeClock Clock)> _remains = [];
    private Task? _disposal;

    /// <summary>Creates a cluster without nodes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public RpcTestCluster(RpcTestClusterOptions? options = null)
    {
        _options = options ?? new RpcTestClusterOptions();
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(_options.Patience, TimeSpan.Zero, nameof(options));
        _pump = new Pump(_options.StartTime ?? TimeProvider.System.GetUtcNow(), _options.Patience);
        Time = _pump.CreateClock();
        Network = new InMemoryNetwork(_options.Seed, Time) { Tracker = _pump.Tracker, Conditions = _options.Links };
        Join();
    }

    /// <summary>The cluster's time, for code of the test that has to wait.</summary>
    public TimeProvider Time { get; }

    /// <summary>The network: to set the conditions of its links.</summary>
    public InMemoryNetwork Network { get; }

    /// <summary>The nodes, in the order in which they were added.</summary>
    public IReadOnlyList<RpcTestNode> Nodes => _nodes;

    internal WorkTracker Tracker => _pump.Tracker;

    /// <summary>A node by its name.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public RpcTestNode this[string name]
    {
        get
        {
            Join();
            return _nodes.Find(n => n.Name == name)
                ?? throw new ArgumentException($"There is no node '{name}'; there are {string.Join(", ", _nodes.Select(static n => n.Name))}.", nameof(name));
        }
    }

    /// <summary>Adds a node, to be started by <see cref="StartAsync()"/>.</summary>
    /// <remarks>
    /// Its configuration has RpcNet:Listen:Address, an address of the network, and RpcNet:Cluster:Seeds:0, the first node's; the
    /// settings of the options override them. Nothing is read from files or the environment.
    /// </remarks>
    /// <param name="name">The node's name, one of a kind.</param>
    /// <param name="configure">What the application's Program does with its builder; called at each start.</param>
    /// <param name="options">What differs in the test.</param>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    public RpcTestNode Add(string name, Action<HostApplicationBuilder> configure, RpcTestNodeOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(configure);
        Join();
        if (_nodes.Exists(n => n.Name == name))
        {
            throw new ArgumentException($"There is a node '{name}' already.", nameof(name));
        }

        var node = new RpcTestNode(
            this, name, new IPEndPoint(Network.NextAddress(), TestHosting.Port), configure, options ?? new RpcTestNodeOptions());
        _nodes.Add(node);
        return node;
    }

    /// <summary>Starts all nodes that do not run, one after the other; time passes as far as they need it.</summary>
    /// <exception cref="TimeoutException">A node was not up within five minutes of virtual time.</exception>
    public Task StartAsync()
    {
        Join();
        return StartAllAsync();
    }

    /// <summary>Starts a node that does not run: for the first time, or again after a stop or a kill, at its old address.</summary>
    /// <exception cref="InvalidOperationException">The node runs.</exception>
    /// <exception cref="TimeoutException">The node was not up within five minutes of virtual time.</exception>
    public Task StartAsync(string node)
    {
        var started = this[node];
        return started.IsRunning ? throw new InvalidOperationException($"The node '{node}' runs.") : StartAsync(started);
    }

    /// <summary>Stops a node as SIGTERM would: it leaves the cluster, drains, and ends. Time passes as far as it needs it.</summary>
    /// <exception cref="InvalidOperationException">The node does not run, or is paused.</exception>
    public Task StopAsync(string node)
    {
        var stopped = Running(node);
        return stopped.IsPaused
            ? throw new InvalidOperationException($"The node '{node}' is paused.")
            : AdvanceUntilAsync(RunAsync(() => StopAsync(stopped)), StartLimit);
    }

    /// <summary>
    /// Runs code of the test as part of the cluster's work, on the thread pool: for what shall go on while the test advances the time.
    /// </summary>
    /// <returns>The code's task.</returns>
    public Task RunAsync(Func<Task> code)
    {
        ArgumentNullException.ThrowIfNull(code);
        using (Tracker.Enter())
        {
            return Task.Run(code);
        }
    }

    /// <inheritdoc cref="RunAsync(Func{Task})" />
    /// <typeparam name="T">The type of the code's result.</typeparam>
    public Task<T> RunAsync<T>(Func<Task<T>> code)
    {
        ArgumentNullException.ThrowIfNull(code);
        using (Tracker.Enter())
        {
            return Task.Run(code);
        }
    }

    /// <summary>Stops the nodes that run, the last added first, and frees everything.</summary>
    public ValueTask DisposeAsync()
    {
        WorkTracker.Current = null;
        return new ValueTask(_disposal ??= DisposeOnceAsync());
    }

    /// <summary>
    /// What the caller does from now on is part of the cluster's work, until it awaits: its thread counts while it runs, and what
    /// it starts counts until it is done.
    /// </summary>
    internal void Join() => WorkTracker.Current = _pump.Tracker;

    internal IEnumerable<KeyValuePair<string, string?>> SettingsOf(RpcTestNode node)
    {
        yield return new("RpcNet:Listen:Address", node.Address.ToString());
        if (node != _nodes[0])
        {
            yield return new("RpcNet:Cluster:Seeds:0", _nodes[0].Address.ToString());
        }
    }

    private async Task StartAllAsync()
    {
        foreach (var node in _nodes.Where(static n => !n.IsRunning).ToList())
        {
            await StartAsync(node).ConfigureAwait(false);
        }
    }

    private async Task StartAsync(RpcTestNode node)
    {
        var clock = _pump.CreateClock();
        var transport = Network.CreateTransport(node.Name, node.Address.Address, clock);
        Separate(node.Name, transport);
        try
        {
            await AdvanceUntilAsync(RunAsync(() => node.StartAsync(transport, clock)), StartLimit).ConfigureAwait(false);
        }
        catch when (node.IsRunning)
        {
            _remains.Add((node.Forget(), transport, clock));
            throw;
        }
    }

    private async Task StopAsync(RpcTestNode node)
    {
        await node.Host!.StopAsync().ConfigureAwait(false);
        await TestHosting.DisposeAsync(node.Forget()).ConfigureAwait(false);
        Network.Kill(node.Transport!);
    }

    private RpcTestNode Running(string name)
    {
        var node = this[name];
        return node.IsRunning ? node : throw new InvalidOperationException($"The node '{name}' does not run.");
    }

    private async Task DisposeOnceAsync()
    {
        try
        {
            await AdvanceUntilAsync(RunAsync(EndAsync), StartLimit).ConfigureAwait(false);
        }
        finally
        {
            WorkTracker.Current = null;
            _pump.Dispose();
        }
    }

    private async Task EndAsync()
    {
        foreach (var node in _nodes)
        {
            await node.CloseChannelAsync().ConfigureAwait(false);
        }

        foreach (var node in _nodes.Where(static n => n.IsRunning).Reverse().ToList())
        {
            if (node.IsPaused)
            {
                _remains.Add((node.Forget(), node.Transport!, node.Clock!));
            }
            else
            {
                await StopAsync(node).ConfigureAwait(false);
            }
        }

        foreach (var (host, transport, clock) in _remains)
        {
            clock.Revive();
            Network.Kill(transport);
            await TestHosting.DisposeAsync(host).ConfigureAwait(false);
        }
    }
}
