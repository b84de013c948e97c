using RpcNet.Cluster;
using RpcNet.Cluster.Swim;

namespace RpcNet.Testing.Simulation;

/// <summary>
/// Watches every step of a simulation for what must never happen. Knows the truth (who runs, who raised which incarnation), which
/// no node does.
/// </summary>
internal sealed class InvariantChecker(ClusterSimulation simulation)
{
    private const int MaxViolations = 20;

    private readonly List<string> _violations = [];
    private readonly List<Observer> _observers = [];
    private readonly Dictionary<NodeId, Sight> _start = [];
    private readonly Dictionary<NodeIdentity, ulong> _raised = [];
    private readonly Dictionary<(NodeIdentity Subject, ulong Incarnation), (int Hash, MemberRecord Record)> _tags = [];

    private enum EventState : byte
    {
        Unknown,
        Alive,
        Suspect,
        Gone,
    }

    public IReadOnlyList<string> Violations => _violations;

    /// <summary>A node begins a new life: it remembers nothing.</summary>
    public void Restarted(SimulatedNode node)
    {
        if (node.Index < _observers.Count)
        {
            _observers[node.Index] = new Observer(knowsStart: false);
        }
    }

    /// <summary>All nodes know each other from the start.</summary>
    public void Preloaded(IEnumerable<MemberRecord> records)
    {
        foreach (var record in records)
        {
            Raise(record);
            _start[record.Id] = new Sight(record.Generation, record.Incarnation, MemberState.Alive);
        }

        foreach (var _ in simulation.Nodes)
        {
            _observers.Add(new Observer(knowsStart: true));
        }
    }

    public void Changed(SimulatedNode observer, MemberEntry entry)
    {
        if (entry.Id == observer.Id)
        {
            Violate(observer, $"it has itself in its table as {entry.State}");
        }

        CheckRaisedBySubject(observer, entry.Identity, entry.Incarnation);
        if (entry.Record is { } record)
        {
            CheckTags(observer, record);
        }

        var sights = Of(observer).Sights;
        if (sights.TryGetValue(entry.Id, out var before) || (Of(observer).KnowsStart && _start.TryGetValue(entry.Id, out before)))
        {
            var order = (entry.Generation, entry.Incarnation).CompareTo((before.Generation, before.Incarnation));
            if (order < 0)
            {
                Violate(observer, $"{entry.Id} goes back from {before.Generation}@{before.Incarnation} to {entry.Generation}@{entry.Incarnation}");
            }

            if (entry.IsLive && before.IsDead)
            {
                if (order <= 0)
                {
                    Violate(observer, $"{entry.Identity}@{entry.Incarnation} is resurrected at or below its dead incarnation");
                }

                if (before.State == MemberState.Left && before.Generation == entry.Generation)
                {
                    Violate(observer, $"{entry.Identity} returns after it left");
                }
            }

            if (entry.State == MemberState.Alive && before.State == MemberState.Suspect && order <= 0)
            {
                Violate(observer, $"{entry.Identity} recovers without a refutation");
            }
        }

        sights[entry.Id] = new Sight(entry.Generation, entry.Incarnation, entry.State);
    }

    public void Notified(SimulatedNode observer, in SwimEvent e)
    {
        if (e.Kind == SwimEventKind.LocalChanged)
        {
            Raise(e.Record!);
            return;
        }

        if (e.Kind > SwimEventKind.TagsChanged || e.Record is not { } record)
        {
            return;
        }

        var states = Of(observer).EventStates;
        if (!states.TryGetValue(record.Id, out var before) && Of(observer).KnowsStart && _start.TryGetValue(record.Id, out var start))
        {
            before = (start.Generation, EventState.Alive);
        }

        var (generation, state) = before;
        var legal = e.Kind switch
        {
            SwimEventKind.Joined => state is EventState.Unknown or EventState.Gone && record.Generation >= generation,
            SwimEventKind.Suspected => state == EventState.Alive,
            SwimEventKind.Recovered => state == EventState.Suspect,
            _ => state is EventState.Alive or EventState.Suspect,
        };
        if (!legal)
        {
            Violate(observer, $"the event {e.Kind} of {record.Identity} follows {state} of generation {generation}");
        }

        states[record.Id] = (record.Generation, e.Kind switch
        {
            SwimEventKind.Joined or SwimEventKind.Recovered => EventState.Alive,
            SwimEventKind.Suspected => EventState.Suspect,
            SwimEventKind.TagsChanged => state,
            _ => EventState.Gone,
        });
    }

    public void Sent(SimulatedNode from, SwimMessage message, int size)
    {
        var bulk = message.Kind is MessageKind.SyncRows or MessageKind.JoinReply or MessageKind.SyncBuckets;
        var limit = bulk ? SwimCodec.MaxMessageBytes : simulation.Options.Cluster.MaxMessageBytes;
        if (size > limit)
        {
            Violate(from, $"a message of {size} bytes is longer than {limit}: {message}");
        }
    }

    public void AfterStep(SimulatedNode node)
    {
        var machine = node.Machine;
        var observer = Of(node);
        if (observer.Said != machine.Local)
        {
            observer.Said = machine.Local;
            Raise(machine.Local);
        }

        if (machine.HasLeft && !node.HasLeft)
        {
            Violate(node, "it left without being told to");
        }

        var known = simulation.Nodes.Count;
        var rows = machine.Table.Live.Count + machine.Table.Dead.Count;
        if (rows > known)
        {
            Violate(node, $"it has {rows} rows for {known} ids");
        }

        if (machine.PendingNews > rows + 1)
        {
            Violate(node, $"{machine.PendingNews} pieces of news wait about {rows} members");
        }

        if (machine.PendingTimers > 512 + (16 * known))
        {
            Violate(node, $"{machine.PendingTimers} timers wait");
        }

        if (machine.SuspicionCount > machine.Table.Live.Count)
        {
            Violate(node, $"{machine.SuspicionCount} suspicions about {machine.Table.Live.Count} members");
        }
    }

    private void Raise(MemberRecord record)
    {
        if (!_raised.TryGetValue(record.Identity, out var raised) || record.Incarnation > raised)
        {
            _raised[record.Identity] = record.Incarnation;
        }

        CheckTags(simulation.Nodes[0], record);
    }

    private void CheckRaisedBySubject(SimulatedNode observer, NodeIdentity subject, ulong incarnation)
    {
        if (!_raised.TryGetValue(subject, out var raised) || incarnation > raised)
        {
            Violate(observer, $"{subject}@{incarnation} was not raised by its subject, which is at {raised}");
        }
    }

    private void CheckTags(SimulatedNode observer, MemberRecord record)
    {
        var key = (record.Identity, record.Incarnation);
        if (!_tags.TryGetValue(key, out var known))
        {
            _tags.Add(key, (HashOf(record), record));
        }
        else if (known.Record != record && known.Hash != HashOf(record))
        {
            Violate(observer, $"{record.Identity}@{record.Incarnation} has two sets of tags");
        }

        static int HashOf(MemberRecord record)
        {
            var hash = 0;
            foreach (var (tag, value) in record.Tags)
            {
                hash ^= unchecked((int)StableHash.Mix(StableHash.Of(tag) ^ StableHash.Mix(StableHash.Of(value))));
            }

            return hash;
        }
    }

    private Observer Of(SimulatedNode node)
    {
        while (_observers.Count <= node.Index)
        {
            _observers.Add(new Observer(knowsStart: false));
        }

        return _observers[node.Index];
    }

    private void Violate(SimulatedNode at, string what)
    {
        if (_violations.Count < MaxViolations)
        {
            _violations.Add($"seed {simulation.Options.Seed}, {simulation.Now}, {at}: {what}");
        }
    }

    private readonly record struct Sight(ulong Generation, ulong Incarnation, MemberState State)
    {
        public bool IsDead => State is MemberState.Failed or MemberState.Left;
    }

    /// <summary>What a node has seen and said in its present life, as far as it differs from the start that all share.</summary>
    private sealed class Observer(bool knowsStart)
    {
        public bool KnowsStart { get; } = knowsStart;

        public Dictionary<NodeId, Sight> Sights { get; } = [];

        public Dictionary<NodeId, (ulong Generation, EventState State)> EventStates { get; } = [];

        /// <summary>The record that the node last gave of itself.</summary>
        public MemberRecord? Said { get; set; }
    }
}
