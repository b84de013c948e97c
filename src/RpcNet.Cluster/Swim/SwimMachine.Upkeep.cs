namespace RpcNet.Cluster.Swim;

/// <summary>What is looked after once a second: forgetting the dead, the partition detector, the quarantine.</summary>
internal sealed partial class SwimMachine
{
    private static readonly TimeSpan UpkeepInterval = TimeSpan.FromSeconds(1);

    private readonly List<MemberEntry> _forgotten = [];

    private void Upkeep(TimeSpan now)
    {
        _nextUpkeep = After(_nextUpkeep, UpkeepInterval, now);
        WatchForPartition(now);
        CompareNotes(now);
        ForgetTheDead(now);
    }

    private void ForgetTheDead(TimeSpan now)
    {
        if (_lastNotified.Count > 1024)
        {
            _lastNotified.Clear();
        }

        var excess = _table.Dead.Count - _options.MaxDeadMembers;
        foreach (var entry in _table.Dead)
        {
            if (now - entry.StateSince > _options.DeadMemberRetention)
            {
                _forgotten.Add(entry);
            }
        }

        if (excess > _forgotten.Count)
        {
            _forgotten.Clear();
            _forgotten.AddRange(_table.Dead.OrderBy(static e => e.StateSince).Take(excess));
        }

        foreach (var entry in _forgotten)
        {
            _table.Remove(entry);
            _queue.Remove(entry.Id);
            _lastNotified.Remove(entry.Id);
            _probations.Remove(entry.Id);
            _complaints.Remove(entry.Id);
        }

        _forgotten.Clear();
    }
}
