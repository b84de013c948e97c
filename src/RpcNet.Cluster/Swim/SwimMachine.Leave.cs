namespace RpcNet.Cluster.Swim;

/// <summary>Saying good-bye.</summary>
internal sealed partial class SwimMachine
{
    /// <summary>Members that are told directly; in larger clusters the news spreads from these.</summary>
    private const int DirectFarewells = 32;

    /// <summary>So many confirmations let the news spread for certain, where some of those told do not answer.</summary>
    private const int EnoughConfirmations = 3;

    private readonly Dictionary<uint, MemberEntry> _farewells = [];
    private TimeSpan _leaveStarted;
    private int _farewellsConfirmed;

    /// <summary>Whether it is saying good-bye.</summary>
    public bool IsLeaving => _phase == Phase.Leaving;

    /// <summary>Whether the good-bye has been said, or given up.</summary>
    public bool HasLeft => _phase == Phase.Left;

    /// <summary>
    /// Leaves the cluster: pings members with the good-bye until they confirm it. <see cref="SwimEventKind.LeaveCompleted"/> follows
    /// when all who were told have confirmed or are gone; when the news was sent as often as any news is and enough of them have;
    /// or, unfavourably, after the timeout. At once when there is nobody to tell.
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
                _effects.Notify(new SwimEvent(SwimEventKind.LeaveCompleted) { Favourable = true });
            }

            return;
        }

        _phase = Phase.Leaving;
        _leaveStarted = now;
        _probes.Clear();
        _table.PickLive(DirectFarewells, _picked);
        if (_picked.Count == 0 || IsConflicted)
        {
            EndLeave(isConfirmed: true);
            return;
        }

        foreach (var member in _picked)
        {
            _farewells.Add(++_sequence, member);
        }

        _queue.Add(MemberUpdate.Left(_local.Identity, _local.Incarnation));
        SayFarewell();
        _nextGossip = now + _options.GossipInterval;
    }

    /// <summary>Tells those who have not confirmed it, and ends the leave when that is enough.</summary>
    private void PressFarewell(TimeSpan now)
    {
        foreach (var (sequence, member) in _farewells)
        {
            if (!member.IsLive)
            {
                _farewells.Remove(sequence);
            }
        }

        var isSaid = _farewells.Count == 0
            || (_farewellsConfirmed >= EnoughConfirmations && _queue.Find(_local.Id) is null);
        if (isSaid || now - _leaveStarted >= _options.LeaveTimeout)
        {
            EndLeave(isSaid);
        }
        else
        {
            SayFarewell();
        }
    }

    private void SayFarewell()
    {
        MemberUpdate[] farewell = [MemberUpdate.Left(_local.Identity, _local.Incarnation)];
        foreach (var (sequence, member) in _farewells)
        {
            Send(member.Record!.Address, New(MessageKind.Ping, sequence, member.Identity, replyTo: true, updates: farewell));
        }
    }

    /// <returns>Whether this is such an answer.</returns>
    private bool ConfirmFarewell(SwimMessage message)
    {
        if (!_farewells.TryGetValue(message.Sequence, out var member) || message.Target != member.Identity)
        {
            return false;
        }

        _farewells.Remove(message.Sequence);
        _farewellsConfirmed++;
        if (_farewells.Count == 0)
        {
            EndLeave(isConfirmed: true);
        }

        return true;
    }

    private void EndLeave(bool isConfirmed)
    {
        _phase = Phase.Left;
        _nextProbe = _nextGossip = _nextHeartbeat = _nextSync = TimeSpan.MaxValue;
        _nextReconnect = _nextSeeds = _nextUpkeep = TimeSpan.MaxValue;
        _probes.Clear();
        _errands.Clear();
        _suspicions.Clear();
        _farewells.Clear();
        while (_timers.TryTake(TimeSpan.MaxValue, out _, out _))
        {
        }

        _effects.Notify(new SwimEvent(SwimEventKind.LeaveCompleted) { Favourable = isConfirmed });
    }
}
