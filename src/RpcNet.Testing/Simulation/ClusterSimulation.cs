using System.Collections.Frozen;
using System.Net;
using RpcNet.Cluster;
using RpcNet.Cluster.Swim;

namespace RpcNet.Testing.Simulation;

/// <summary>
/// A whole cluster in virtual time: real protocol state machines, a simulated network, one queue of events, one seed. Equal options
/// and equal calls give equal runs, down to <see cref="TraceHash"/>.
/// </summary>
/// <remarks>Not thread-safe; several simulations may run in parallel.</remarks>
public sealed partial class ClusterSimulation
{
    private readonly EventQueue _queue = new();
    private readonly Dictionary<IPEndPoint, SimulatedNode> _byAddress = [];
    private readonly List<SimulatedNode> _nodes = [];
    private readonly List<IPEndPoint> _seedAddresses = [];
    private readonly List<SimulationEvent> _events = [];
    private readonly Random _random;
    private readonly SwimRules? _rules;
    private readonly InvariantChecker? _checker;
    private TimeSpan _nextLook;
    private TimeSpan _nextSecond = TimeSpan.FromSeconds(1);

    /// <summary>Creates the nodes and starts them all at once.</summary>
    public ClusterSimulation(SimulationOptions options)
        : this(options, rules: null)
    {
    }

    internal ClusterSimulation(SimulationOptions options, SwimRules? rules)
    {
        ArgumentNullException.ThrowIfNull(options);
        Options = options;
        Network = options.Network;
        _random = new Random(options.Seed);
        _rules = rules;
        _checker = options.CheckInvariants ? new InvariantChecker(this) : null;
        for (var i = 0; i < options.Nodes; i++)
        {
            Create();
        }

        for (var i = 0; i < Math.Min(options.Seeds, options.Nodes); i++)
        {
            _seedAddresses.Add(_nodes[i].Address);
        }

        if (options.ConvergedStart)
        {
            var records = _nodes.Select(n => n.Machine.Local).ToArray();
            var view = new CommonView(records);
            foreach (var node in _nodes)
            {
                node.Machine.Preload(view, Now);
            }

            _checker?.Preloaded(records);
        }

        foreach (var node in _nodes)
        {
            node.IsRunning = true;
            Step(node, m => m.Start(Now));
        }
    }

    /// <summary>The options.</summary>
    public SimulationOptions Options { get; }

    /// <summary>The network; may be changed while the simulation runs.</summary>
    public NetworkConditions Network { get; }

    /// <summary>The virtual time since the start.</summary>
    public TimeSpan Now { get; private set; }

    /// <summary>All nodes that ever were, dead ones included.</summary>
    public IReadOnlyList<SimulatedNode> Nodes => _nodes;

    /// <summary>All that the nodes reported so far, in order.</summary>
    public IReadOnlyList<SimulationEvent> Events => _events;

    /// <summary>Inputs handled so far.</summary>
    public long Steps { get; private set; }

    /// <summary>Stands for everything that happened.</summary>
    public ulong TraceHash { get; private set; } = 14695981039346656037UL;

    /// <summary>Bytes sent by a node in a second: how many node-seconds fell into each slot of 64 bytes.</summary>
    public long[] BytesPerSecond { get; } = new long[4096];

    /// <summary>Calls this whenever a node reports something; may act on the simulation.</summary>
    public Action<SimulationEvent>? OnEvent { get; set; }

    /// <summary>Broken invariants; empty as it should be.</summary>
    public IReadOnlyList<string> Violations => _checker?.Violations ?? [];

    /// <summary>Runs for this long, or until <paramref name="until"/> holds (looked at after each step).</summary>
    /// <returns>Whether the condition came to hold.</returns>
    public bool Run(TimeSpan time, Func<bool>? until = null)
    {
        var end = Now + time;
        while (until?.Invoke() != true)
        {
            var next = _queue.NextAt;
            if (next > end)
            {
                Now = end;
                return until?.Invoke() ?? true;
            }

            Now = next;
            CountSeconds();
            Handle(_queue.Take());
        }

        return true;
    }

    /// <summary>Does something at a time to come.</summary>
    public void At(TimeSpan time, Action action) => Enqueue(HappeningKind.Action, time, node: null, action);

    /// <summary>A further node, which joins through the seeds.</summary>
    public SimulatedNode AddNode()
    {
        var node = Create();
        node.IsRunning = true;
        Step(node, m => m.Start(Now));
        return node;
    }

    /// <summary>The process ends without a word (SIGKILL).</summary>
    public void Crash(SimulatedNode node)
    {
        Note(1, node.Index, 0);
        node.IsRunning = false;
        node.WakeAt = TimeSpan.MaxValue;
    }

    /// <summary>A new process of the same id starts at the same address.</summary>
    public void Restart(SimulatedNode node)
    {
        Note(2, node.Index, 0);
        node.IsRunning = true;
        node.HasLeft = false;
        node.PausedUntil = TimeSpan.Zero;
        node.WakeAt = TimeSpan.MaxValue;
        Begin(node);
        _checker?.Restarted(node);
        Step(node, m => m.Start(Now));
    }

    /// <summary>The process stands still (SIGSTOP, a long collection) and then goes on.</summary>
    public void Pause(SimulatedNode node, TimeSpan duration)
    {
        Note(3, node.Index, (ulong)duration.Ticks);
        node.PausedUntil = Now + duration;
    }

    /// <summary>The node leaves; its process ends when the good-bye is out.</summary>
    public void Leave(SimulatedNode node) => Step(node, m => m.Leave(Now));

    /// <summary>Whether all running nodes have the same view, and it holds exactly the running nodes.</summary>
    public bool IsConverged() => Divergence() is null;

    /// <summary><see cref="IsConverged"/>, looked at once a virtual second.</summary>
    internal bool IsConvergedEverySecond() => IsDue(TimeSpan.FromSeconds(1)) && IsConverged();

    /// <summary>Whether every running node has all running nodes as members, looked at every 100 ms.</summary>
    internal bool IsFullyJoinedEveryTick()
    {
        if (!IsDue(TimeSpan.FromMilliseconds(100)))
        {
            return false;
        }

        var running = _nodes.Count(n => n.IsRunning);
        return _nodes.TrueForAll(n => !n.IsRunning || n.Machine.LiveCount == running);
    }

    /// <summary>Whether no running node has news to pass on, looked at once a virtual second.</summary>
    internal bool IsQuietEverySecond() =>
        IsDue(TimeSpan.FromSeconds(1)) && _nodes.TrueForAll(static n => !n.IsRunning || n.Machine.PendingNews == 0);

    private bool IsDue(TimeSpan period)
    {
        if (Now < _nextLook)
        {
            return false;
        }

        _nextLook = Now + period;
        return true;
    }

    /// <summary>What keeps the views from being equal, or null.</summary>
    public string? Divergence()
    {
        var running = _nodes.Where(n => n.IsRunning && !n.Machine.IsConflicted).ToArray();
        var expected = running.Aggregate(0UL, (hash, n) => hash ^ n.Machine.Local.Fingerprint);
        foreach (var node in running)
        {
            if (node.Machine.LiveCount != running.Length)
            {
                return $"{node} sees {node.Machine.LiveCount} members of {running.Length}";
            }

            if ((node.Machine.Table.Fingerprint ^ node.Machine.Local.Fingerprint) != expected)
            {
                return $"{node} sees other incarnations than there are";
            }

            if (node.Machine.SuspicionCount > 0)
            {
                return $"{node} still suspects somebody";
            }
        }

        return null;
    }

    /// <summary>The percentile (0 … 1) of bytes sent by a node in a second.</summary>
    public double BytesPercentile(double share)
    {
        var total = BytesPerSecond.Sum();
        var wanted = (long)Math.Ceiling(total * share);
        long seen = 0;
        for (var i = 0; i < BytesPerSecond.Length; i++)
        {
            seen += BytesPerSecond[i];
            if (seen >= wanted)
            {
                return (i + 1) * 64;
            }
        }

        return 0;
    }

    internal void Step(SimulatedNode node, Action<SwimMachine> input)
    {
        input(node.Machine);
        EndStep(node);
    }

    internal void Notify(SimulatedNode node, in SwimEvent e)
    {
        var subject = e.Record?.Id ?? node.Id;
        var generation = e.Record?.Generation ?? 0;
        Note(16 + (ulong)e.Kind, node.Index, generation ^ StableHash.Of(subject.Value));
        _checker?.Notified(node, e);
        if (e.Kind == SwimEventKind.LeaveCompleted)
        {
            node.HasLeft = true;
            node.IsRunning = false;
            node.WakeAt = TimeSpan.MaxValue;
        }

        var happened = new SimulationEvent(Now, (SimulationEventKind)e.Kind, node.Index, subject, generation, e.Far.Length);
        _events.Add(happened);
        OnEvent?.Invoke(happened);
    }

    internal void Changed(SimulatedNode node, MemberEntry entry)
    {
        Note(8, node.Index, entry.Generation ^ (entry.Incarnation << 8) ^ ((ulong)entry.State << 56));
        _checker?.Changed(node, entry);
    }

    internal void ResolveSeeds(SimulatedNode node) =>
        Enqueue(HappeningKind.Seeds, Now, node);

    internal void Refused(SimulatedNode node, string reason) => Note(9, node.Index, StableHash.Of(reason));

    private SimulatedNode Create()
    {
        var index = _nodes.Count;
        var address = new IPEndPoint(new IPAddress([10, (byte)(index >> 16), (byte)(index >> 8), (byte)index]), 7000);
        var node = new SimulatedNode(this, index, new NodeId($"node-{index:d4}"), address);
        _nodes.Add(node);
        _byAddress.Add(address, node);
        Begin(node);
        return node;
    }

    private void Begin(SimulatedNode node)
    {
        node.Starts++;
        var tags = new Dictionary<string, string>(StringComparer.Ordinal);
        if (Options.TagBytes > 0)
        {
            tags["role"] = new string((char)('a' + (node.Index % 26)), Math.Max(0, Options.TagBytes - 7));
        }

        node.Machine = new SwimMachine(
            Options.Cluster,
            new NodeIdentity(node.Id, 1_700_000_000_000UL + (ulong)(Now.TotalMilliseconds + node.Starts)),
            node.Address,
            tags.ToFrozenDictionary(StringComparer.Ordinal),
            new Random(_random.Next()),
            node.Effects,
            _rules);
    }

    private void EndStep(SimulatedNode node)
    {
        Steps++;
        if (node.Machine.NextWakeup <= Now)
        {
            node.Machine.Tick(Now);
        }

        Schedule(node);
        _checker?.AfterStep(node);
    }

    private void Schedule(SimulatedNode node)
    {
        if (!node.IsRunning)
        {
            return;
        }

        var wake = node.Machine.NextWakeup;
        if (wake < node.WakeAt && wake != TimeSpan.MaxValue)
        {
            node.WakeAt = wake;
            Enqueue(HappeningKind.Wake, wake < Now ? Now : wake, node, due: wake);
        }
    }

    private void Handle(in Happening happening)
    {
        if (happening.Kind == HappeningKind.Action)
        {
            ((Action)happening.Subject!)();
            return;
        }

        var node = happening.Node!;
        if (!node.IsRunning
            || happening.Life != node.Starts
            || (happening.Kind == HappeningKind.Wake && happening.Due != node.WakeAt))
        {
            return;
        }

        if (Now < node.PausedUntil)
        {
            _queue.Add(node.PausedUntil, happening);
            return;
        }

        if (node.Slowness > TimeSpan.Zero && !happening.IsDelayed)
        {
            _queue.Add(Now + (node.Slowness * _random.NextDouble()), happening with { IsDelayed = true });
            return;
        }

        switch (happening.Kind)
        {
            case HappeningKind.Wake:
                node.WakeAt = TimeSpan.MaxValue;
                node.Machine.Tick(Now);
                break;
            case HappeningKind.Seeds:
                node.Machine.SeedsResolved(Now, _seedAddresses);
                break;
            case HappeningKind.Deliver:
                var message = (SwimMessage)happening.Subject!;
                Note(4, node.Index, ((ulong)message.Kind << 32) ^ message.Sequence ^ ((ulong)message.Updates.Length << 40));
                node.Machine.Receive(Now, message);
                break;
        }

        EndStep(node);
    }

    private void Enqueue(HappeningKind kind, TimeSpan at, SimulatedNode? node, object? subject = null, TimeSpan due = default) =>
        _queue.Add(at, new Happening(kind, node, subject, node?.Starts ?? 0, due, IsDelayed: false));

    private void Note(ulong kind, int node, ulong detail)
    {
        TraceHash = (TraceHash ^ StableHash.Mix(kind ^ ((ulong)node << 8) ^ StableHash.Mix(detail ^ (ulong)Now.Ticks))) * 1099511628211UL;
    }

    private void CountSeconds()
    {
        while (Now >= _nextSecond)
        {
            _nextSecond += TimeSpan.FromSeconds(1);
            foreach (var node in _nodes)
            {
                if (node.IsRunning)
                {
                    BytesPerSecond[Math.Min(node.BytesThisSecond / 64, BytesPerSecond.Length - 1)]++;
                }

                node.BytesThisSecond = 0;
            }
        }
    }
}
