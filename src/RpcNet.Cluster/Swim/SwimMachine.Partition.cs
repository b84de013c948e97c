namespace RpcNet.Cluster.Swim;

/// <summary>
/// The partition detector: compares the last view that was stable for a while with what is reachable now. It reads the failure
/// detector's state and never changes it.
/// </summary>
internal sealed partial class SwimMachine
{
    /// <summary>How long after a partition healed its stragglers come back without questions.</summary>
    private static readonly TimeSpan AfterHealing = TimeSpan.FromMinutes(1);

    private MemberRecord[] _stableView = [];
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

        var isolated = _stableView.Length > 2 && now - _lastHeard > options.IsolationTimeout;
        if (_partition is null && _suspicions.Count == 0 && !isolated && now - _viewChanged >= options.StableViewTime)
        {
            AdoptStableView();
            return;
        }

        if (_stableView.Length < 3)
        {
            return;
        }

        var unreachable = FindUnreachable(isolated);
        if (!SameKeys(unreachable, _unreachable))
        {
            _unreachableChanged = now;
        }

        var large = unreachable.Count >= Math.Max(2, (int)Math.Ceiling(options.MinUnreachableShare * _stableView.Length));
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
        if (_stableView.Length == LiveCount && _stableVersion == _table.Version)
        {
            return;
        }

        _stableVersion = _table.Version;
        _stableView = new MemberRecord[LiveCount];
        _stableView[0] = _local;
        for (var i = 0; i < _table.Live.Count; i++)
        {
            _stableView[i + 1] = _table.Live[i].Record!;
        }

        _unreachable = [];
    }

    private Dictionary<NodeId, MemberRecord> FindUnreachable(bool isolated)
    {
        var unreachable = new Dictionary<NodeId, MemberRecord>();
        foreach (var record in _stableView)
        {
            if (record.Id == _local.Id)
            {
                continue;
            }

            if (!_table.TryGet(record.Id, out var entry))
            {
                unreachable.Add(record.Id, record);
            }
            else if (entry.State != MemberState.Left && (isolated || entry.State != MemberState.Alive))
            {
                unreachable.Add(record.Id, record);
            }
        }

        return unreachable;
    }

    private MemberRecord[] FindReturned(Dictionary<NodeId, MemberRecord> known) =>
        [.. known.Values.Where(r => !_unreachable.ContainsKey(r.Id))];

    private void ReportPartition()
    {
        _partition = new Dictionary<NodeId, MemberRecord>(_unreachable);
        var near = _stableView.Where(r => !_partition.ContainsKey(r.Id)).ToArray();
        HasQuorum = JudgeQuorum(near);
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

    private bool JudgeQuorum(MemberRecord[] near)
    {
        switch (_options.Partition.Quorum)
        {
            case QuorumRule.None:
                return true;
            case QuorumRule.Static:
                return near.Length >= _options.Partition.StaticQuorum;
            default:
                if (2 * near.Length != _stableView.Length)
                {
                    return 2 * near.Length > _stableView.Length;
                }

                var lowest = _stableView.MinBy(static r => r.Id)!.Id;
                return near.Any(r => r.Id == lowest);
        }
    }

    private static bool SameKeys(Dictionary<NodeId, MemberRecord> a, Dictionary<NodeId, MemberRecord> b) =>
        a.Count == b.Count && a.Keys.All(b.ContainsKey);
}
