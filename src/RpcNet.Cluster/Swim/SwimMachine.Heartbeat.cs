using RpcNet.Cluster.Phi;

namespace RpcNet.Cluster.Swim;

/// <summary>Heartbeats to the successors on the ring of hashed ids, and the judgement of the predecessors' heartbeats.</summary>
internal sealed partial class SwimMachine
{
    private readonly HeartbeatMonitor _detector;
    private readonly List<MemberEntry> _monitors = [];
    private readonly List<MemberEntry> _monitored = [];
    private readonly List<(ulong Distance, MemberEntry Entry)> _nearest = [];
    private long _ringVersion = -1;
    private uint _heartbeat;

    /// <summary>The present φ of a member, or null when it is not monitored from here.</summary>
    public double? Phi(TimeSpan now, NodeId id) => _detector.Phi(id, now);

    /// <summary>Of whom the local node judges the heartbeats.</summary>
    public IReadOnlyList<MemberEntry> Monitored
    {
        get
        {
            RefreshRing();
            return _monitored;
        }
    }

    private void BeatHearts(TimeSpan now)
    {
        _nextHeartbeat = After(_nextHeartbeat, _options.Phi.HeartbeatInterval, now);
        if (_phase != Phase.Running || IsConflicted)
        {
            return;
        }

        RefreshRing();
        if (_monitors.Count == 0)
        {
            return;
        }

        var heartbeat = New(MessageKind.Heartbeat, ++_heartbeat);
        foreach (var monitor in _monitors)
        {
            Send(monitor.Record!.Address, heartbeat);
        }
    }

    private void OnHeartbeat(TimeSpan now, SwimMessage message)
    {
        if (!_options.Phi.Enabled || !_table.TryGet(message.From.Id, out var sender) || sender.Generation != message.From.Generation)
        {
            return;
        }

        if (sender.State == MemberState.Failed)
        {
            WatchProbation(now, sender);
            return;
        }

        RefreshRing();
        if (_detector.IsMonitored(sender.Id))
        {
            _detector.Heartbeat(sender.Id, message.Sequence, now);
        }
    }

    private void JudgeHeartbeats(TimeSpan now)
    {
        if (!_options.Phi.Enabled || now < _noJudgementUntil)
        {
            return;
        }

        foreach (var subject in _monitored)
        {
            if (subject.State == MemberState.Alive && _detector.TakeVerdict(subject.Id, now) is { } phi)
            {
                Statistics.PhiSuspicions++;
                Accuse(now, subject, phi);
            }
        }
    }

    /// <summary>
    /// The local node's monitors are its K successors; those of whom it is a monitor are its K predecessors. Both sides compute
    /// this from their own tables, so nothing is negotiated.
    /// </summary>
    private void RefreshRing()
    {
        if (_ringVersion == _table.Version)
        {
            return;
        }

        _ringVersion = _table.Version;
        Nearest(_local.RingHash, forwards: true, _monitors);
        Nearest(_local.RingHash, forwards: false, _monitored);
        _detector.Retain(_monitored);
    }

    private void Nearest(ulong origin, bool forwards, List<MemberEntry> into, MemberEntry? excluded = null)
    {
        var count = _options.Phi.Monitors;
        _nearest.Clear();
        foreach (var entry in _table.Live)
        {
            if (entry == excluded)
            {
                continue;
            }

            var hash = entry.Record!.RingHash;
            var distance = forwards ? hash - origin : origin - hash;
            if (_nearest.Count == count && distance >= _nearest[^1].Distance)
            {
                continue;
            }

            if (_nearest.Count == count)
            {
                _nearest.RemoveAt(count - 1);
            }

            var at = _nearest.Count;
            while (at > 0 && _nearest[at - 1].Distance > distance)
            {
                at--;
            }

            _nearest.Insert(at, (distance, entry));
        }

        into.Clear();
        foreach (var (_, entry) in _nearest)
        {
            into.Add(entry);
        }
    }
}
