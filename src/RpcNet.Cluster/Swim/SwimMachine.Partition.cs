namespace RpcNet.Cluster.Swim;

/// <summary>
/// The partition detector: compares the last view that was stable for a while with what is reachable now. It reads the failure
/// detector's state and never changes it.
/// </summary>
internal sealed partial class SwimMachine
{
    /// <summary>How long after a partition healed its stragglers come back without questions.</summary>
    private static readonly TimeSpan AfterHealing = TimeSpan.FromMinutes(1);

    private int _stableCount;
    private Dictionary<NodeId, MemberRecord> _unreachable = [];
    private Dictionary<NodeId, MemberRecord>? _partition;
    private TimeSpan _lastHeard;
    private TimeSpan _viewChanged;
    private TimeSpan _unreachableChanged;
    private TimeSpan _largeSince = TimeSpan.MaxValue;
    private Dictionary<NodeId, MemberRecord> _healed = [];
    private TimeSpan _healedUntil = TimeSpan.MinValue;
    private long _viewVersion = -1;
    private long _stableVersion = -1;

    /// <summary>Whether this side may act; see <see cref="PartitionOptions.Quorum"/>.</summary>
    public bool HasQuorum { get; private set; } = true;

    public bool IsPartitioned => _partition is not null;

    private bool IsBehindPartition(TimeSpan now, NodeId id) =>
        _partition?.ContainsKey(id) == true || (now < _healedUntil && _healed.ContainsKey(id));

    private void StartPartitionDetector(TimeSpan now)
    {
        _lastHeard = now;
        _viewChanged = now;
    }

    private void ShiftPartitionDetector(TimeSpan lost)
    {
        _lastHeard += lost;
        _viewChanged += lost;
        _unreachableChanged += lost;
        _largeSince = TimeSpan.MaxValue;
    }

    private void NotePartitionChange(TimeSpan now, MemberEntry entry)
    {
        if (_partition is null && entry.State != MemberState.Left)
        {
            _viewChanged = now;
        }
    }

    private void WatchForPartition(TimeSpan now)
    {
        var options = _options.Partition;
        if (!options.Enabled || _phase != Phase.Running || IsConflicted)
        {
            return;
        }

        if (_viewVersion != _table.Version)
        {
            _viewVersion = _table.Version;
            _viewChanged = now;
        }

        var isolated = _stableCount > 2 && now - _lastHeard > options.IsolationTimeout;
        if (_partition is null && _suspicions.Count == 0 && !isolated && now - _viewChanged >= options.StableViewTime)
        {
            AdoptStableView();
            return;
        }

        if (_stableCount < 3)
        {
            return;
        }

        var unreachable = FindUnreachable(isolated);
        if (!SameKeys(unreachable, _unreachable))
        {
            _unreachableChanged = now;
        }

        var large = unreachable.Count >= Math.Max(2, (int)Math.Ceiling(options.MinUnreachableShare * _stableCount));
        _unreachable = unreachable;
        _largeSince = large ? Min(_largeSince, now) : TimeSpan.MaxValue;

        // Stragglers keep the set moving; a partition that has been large for long is reported without them and again with them.
        var overdue = _partition is null && large && now - _largeSince >= 3 * options.SettleTime;
        if (now - _unreachableChanged < options.SettleTime && !overdue)
        {
            return;
        }

        if (_partition is { } known && FindReturned(known) is { Length: > 0 } returned)
        {
            ReportHealing(now, known, returned);
        }
        else if (large && (_partition is null || _unreachable.Keys.Any(id => !_partition.ContainsKey(id))))
        {
            ReportPartition();
        }
    }

    private void AdoptStableView()
    {
        _unreachable = [];
        _largeSince = TimeSpan.MaxValue;
        if (_stableCount == LiveCount && _stableVersion == _table.Version)
        {
            return;
        }

        _stableVersion = _table.Version;
        _stableCount = LiveCount;
        _table.Changes.Mark();
    }

    /// <summary>Of the stable view's members those that failed or are suspect, or all when the local node is cut off; none that left.</summary>
    private Dictionary<NodeId, MemberRecord> FindUnreachable(bool isolated)
    {
        var unreachable = new Dictionary<NodeId, MemberRecord>();
        foreach (var (id, record) in _table.Changes.Gone)
        {
            if (!_table.TryGet(id, out var entry) || (entry.State != MemberState.Left && (isolated || entry.State != MemberState.Alive)))
            {
                unreachable.Add(id, record);
            }
        }

        foreach (var record in isolated ? _table.LiveRecords() : _suspicions.Values.Select(static s => s.Entry.Record!))
        {
            if (_table.Changes.IsOld(record.Id))
            {
                unreachable.TryAdd(record.Id, record);
            }
        }

        return unreachable;
    }

    private MemberRecord[] FindReturned(Dictionary<NodeId, MemberRecord> known) =>
        [.. known.Values.Where(r => !_unreachable.ContainsKey(r.Id))];

    private void ReportPartition()
    {
        _partition = new Dictionary<NodeId, MemberRecord>(_unreachable);
        var left = _table.Changes.Gone.Values.Where(r => !_table.TryGet(r.Id, out var entry) || !entry.IsLive);
        var near = _table.LiveRecords()
            .Where(r => _table.Changes.IsOld(r.Id))
            .Concat(left)
            .Where(r => !_partition.ContainsKey(r.Id))
            .Prepend(_local)
            .ToArray();
        HasQuorum = JudgeQuorum(near, _partition);
        _effects.Notify(new SwimEvent(SwimEventKind.PartitionDetected)
        {
            Near = near,
            Far = [.. _partition.Values],
            Favourable = HasQuorum,
        });
    }

    private void ReportHealing(TimeSpan now, Dictionary<NodeId, MemberRecord> known, MemberRecord[] returned)
    {
        _healed = known;
        _healedUntil = now + AfterHealing;
        var missing = known.Values.Where(r => _unreachable.ContainsKey(r.Id)).ToArray();
        _partition = null;
        _viewChanged = now;
        HasQuorum = true;
        AdoptStableView();
        _effects.Notify(new SwimEvent(SwimEventKind.PartitionHealed) { Near = returned, Far = missing });
    }

    private bool JudgeQuorum(MemberRecord[] near, Dictionary<NodeId, MemberRecord> far)
    {
        switch (_options.Partition.Quorum)
        {
            case QuorumRule.None:
                return true;
            case QuorumRule.Static:
                return near.Length >= _options.Partition.StaticQuorum;
            default:
                return near.Length == far.Count
                    ? near.Min(static r => r.Id) < far.Keys.Min()
                    : near.Length > far.Count;
        }
    }

    private static bool SameKeys(Dictionary<NodeId, MemberRecord> a, Dictionary<NodeId, MemberRecord> b) =>
        a.Count == b.Count && a.Keys.All(b.ContainsKey);
}
