namespace RpcNet.Cluster.Swim;

/// <summary>Saying good-bye.</summary>
internal sealed partial class SwimMachine
{
    /// <summary>Members that are told directly; in larger clusters the news spreads from these.</summary>
    private const int DirectFarewells = 32;

    private TimeSpan _leaveStarted;

    /// <summary>Whether the good-bye has been said often enough to spread by itself.</summary>
    public bool HasLeft => _phase == Phase.Left;

    /// <summary>
    /// Leaves the cluster. <see cref="SwimEventKind.LeaveCompleted"/> follows when the news was sent as often as any news is, or at
    /// once when there is nobody to tell.
    /// </summary>
    public void Leave(TimeSpan now)
    {
        NoticePause(now);
        if (_phase != Phase.Running)
        {
            if (_phase == Phase.Created)
            {
                _phase = Phase.Left;
            }

            if (_phase == Phase.Left)
            {
                _effects.Notify(new SwimEvent(SwimEventKind.LeaveCompleted));
            }

            return;
        }

        _phase = Phase.Leaving;
        _leaveStarted = now;
        var farewell = MemberUpdate.Left(_local.Identity, _local.Incarnation);
        _table.PickLive(DirectFarewells, _picked);
        foreach (var member in _picked)
        {
            Send(member.Record!.Address, New(MessageKind.Gossip, updates: [farewell]));
        }

        if (_picked.Count == 0 || IsConflicted)
        {
            EndLeave();
            return;
        }

        _queue.Add(farewell);
        _nextGossip = now;
    }

    private bool IsFarewellSpread(TimeSpan now) =>
        _queue.Find(_local.Id) is null || now - _leaveStarted >= _options.LeaveTimeout;

    private void EndLeave()
    {
        _phase = Phase.Left;
        _nextProbe = _nextGossip = _nextHeartbeat = _nextSync = TimeSpan.MaxValue;
        _nextReconnect = _nextSeeds = _nextUpkeep = TimeSpan.MaxValue;
        _probes.Clear();
        _errands.Clear();
        _suspicions.Clear();
        while (_timers.TryTake(TimeSpan.MaxValue, out _, out _))
        {
        }

        _effects.Notify(new SwimEvent(SwimEventKind.LeaveCompleted));
    }
}
