using RpcNet.Cluster.Phi;

namespace RpcNet.Cluster.Swim;

/// <summary>Heartbeats to the successors on the ring of hashed ids, and the judgement of the predecessors' heartbeats.</summary>
internal sealed partial class SwimMachine
{
    private readonly HeartbeatMonitor _detector;
    private readonly List<MemberEntry> _monitors = [];
    private readonly List<MemberEntry> _monitored = [];
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
            _detector.Heartbeat(sender.Id, now);
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
        _table.Nearest(_local.RingHash, forwards: true, _options.Phi.Monitors, _monitors);
        _table.Nearest(_local.RingHash, forwards: false, _options.Phi.Monitors, _monitored);
        _detector.Retain(_monitored);
    }
}
