namespace RpcNet.Cluster.Swim;

/// <summary>
/// Members that flap. The monitors of a member compare notes, and when most of them miss most of its heartbeats, it is taken out
/// although it refutes. And whoever failed comes back only on the word of a monitor that has received its heartbeats without a gap
/// for a while, which doubles with each relapse; unless its failure has an explanation.
/// </summary>
internal sealed partial class SwimMachine
{
    /// <summary>With fewer live members there are too few monitors to ask.</summary>
    private const int LeastMembersForProbation = 4;

    private const int MaxExcuses = 3;

    /// <summary>Of this many heartbeats before a failure at most one may be missing for it to count as an error.</summary>
    private const int RecentHeartbeats = 10;

    private static readonly TimeSpan ComplaintInterval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ComplaintLifetime = TimeSpan.FromSeconds(6);

    private readonly Dictionary<NodeId, Probation> _probations = [];
    private readonly Dictionary<NodeId, Dictionary<NodeId, TimeSpan>> _complaints = [];
    private readonly List<MemberEntry> _panel = [];
    private readonly List<MemberEntry> _complainedAbout = [];
    private TimeSpan _nextComplaints;

    /// <summary>
    /// Whether a failed member that announces itself with a higher incarnation is a member again. Yes when somebody else passes the
    /// news on, for whom it is one; when it stood still or was cut off and says so; when it is back from behind a partition; and when
    /// its heartbeats have been coming without a gap for long enough.
    /// </summary>
    private bool MayReturn(TimeSpan now, MemberEntry entry, MemberRecord record)
    {
        if (!_options.Quarantine.Enabled
            || !_options.Phi.Enabled
            || LiveCount < LeastMembersForProbation
            || IsBehindPartition(now, record.Id)
            || !_probations.TryGetValue(entry.Id, out var probation)
            || probation.Generation != entry.Generation)
        {
            return true;
        }

        if (_source != record.Id)
        {
            if (!probation.IsVerdict || now - probation.LastFailure >= _options.Quarantine.Probation / 2)
            {
                return true;
            }

            // No monitor can have vouched for it so soon, so whoever passes this on has not heard the verdict.
            Uphold(now, entry, record.Incarnation);
            return false;
        }

        if (record.Flags.HasFlag(RecordFlags.Resumed) && !probation.IsVerdict && probation.Failures <= MaxExcuses)
        {
            return true;
        }

        var options = _options.Quarantine;
        var required = Min(options.Probation * Math.Pow(2, Math.Min(probation.Failures - 1, 20)), options.MaxProbation);
        return probation.IsClean(now, required, _options.Phi.HeartbeatInterval);
    }

    /// <summary>A verdict covers the incarnations that its subject published while it spread.</summary>
    private void Uphold(TimeSpan now, MemberEntry entry, ulong incarnation)
    {
        _table.Update(entry, entry.Generation, incarnation, MemberState.Failed, entry.Record, now);
        _effects.Changed(entry);
        Spread(MemberUpdate.Accuse(MemberState.Failed, entry.Identity, incarnation, _local.Id, isVerdict: true));
    }

    /// <summary>The same failure heard of again at a higher incarnation is no relapse, but it may be a verdict now.</summary>
    private void NoteFailure(TimeSpan now, MemberEntry entry, bool isVerdict, bool isNews)
    {
        if (isNews)
        {
            BeginProbation(now, entry, isVerdict);
        }
        else if (isVerdict && _probations.TryGetValue(entry.Id, out var probation) && probation.Generation == entry.Generation)
        {
            probation.Condemn(now);
        }
    }

    private void BeginProbation(TimeSpan now, MemberEntry entry, bool isVerdict)
    {
        if (!_probations.TryGetValue(entry.Id, out var probation)
            || probation.Generation != entry.Generation
            || now - probation.LastFailure > 2 * _options.Quarantine.MaxProbation)
        {
            _probations[entry.Id] = probation = new Probation(entry.Generation);
        }

        probation.Fail(now, isVerdict);
        var window = _options.Quarantine.Window;
        var recent = RecentHeartbeats * _options.Phi.HeartbeatInterval;
        if (!isVerdict
            && _detector.LastHeartbeat(entry.Id) is { } last
            && _detector.ArrivedShare(entry.Id, now, window) is { } share
            && _detector.ArrivedShare(entry.Id, now, recent) >= 1 - (1.0 / RecentHeartbeats))
        {
            // Heartbeats that came until the very failure speak for the member as much as those after it: it was failed in error.
            probation.Credit(now - window, last, (int)Math.Round(share * (window / _options.Phi.HeartbeatInterval)));
        }
    }

    /// <summary>A failed member goes on sending its heartbeats to its successors, which may have to vouch for it.</summary>
    private void WatchProbation(TimeSpan now, MemberEntry entry)
    {
        if (_probations.TryGetValue(entry.Id, out var probation))
        {
            probation.Beat(now, _options.Phi.HeartbeatInterval + _options.Phi.AcceptablePause);
        }
    }

    private void CompareNotes(TimeSpan now)
    {
        if (!_options.Quarantine.Enabled || !_options.Phi.Enabled || now < _nextComplaints || now < _noJudgementUntil || IsPartitioned)
        {
            return;
        }

        _nextComplaints = now + ComplaintInterval;
        RefreshRing();
        foreach (var subject in _monitored)
        {
            if (_detector.ArrivedShare(subject.Id, now, _options.Quarantine.Window) is { } share
                && share < _options.Quarantine.MinHeartbeatShare
                && share > 0)
            {
                _complainedAbout.Add(subject);
            }
        }

        foreach (var subject in _complainedAbout)
        {
            Complain(now, subject);
        }

        _complainedAbout.Clear();
    }

    private void Complain(TimeSpan now, MemberEntry subject)
    {
        _table.Nearest(subject.Record!.RingHash, forwards: true, _options.Phi.Monitors, _panel, subject);
        var complaint = New(MessageKind.Complaint, target: subject.Identity);
        foreach (var monitor in _panel)
        {
            Send(monitor.Record!.Address, complaint);
        }

        Tally(now, subject, _local.Id, _panel.Count + 1);
    }

    private void OnComplaint(TimeSpan now, SwimMessage message)
    {
        if (!_options.Quarantine.Enabled || !_table.TryGet(message.Target.Id, out var subject) || !subject.IsLive
            || subject.Generation != message.Target.Generation || !_detector.IsMonitored(subject.Id))
        {
            return;
        }

        Tally(now, subject, message.From.Id, Math.Min(_options.Phi.Monitors, _table.Live.Count));
    }

    private void Tally(TimeSpan now, MemberEntry subject, NodeId complainant, int monitors)
    {
        if (!_complaints.TryGetValue(subject.Id, out var tally))
        {
            _complaints[subject.Id] = tally = [];
        }

        tally[complainant] = now;
        foreach (var (id, at) in tally)
        {
            if (now - at > ComplaintLifetime)
            {
                tally.Remove(id);
            }
        }

        if (monitors < 3 || tally.Count < _options.Quarantine.Quorum * monitors || !tally.ContainsKey(_local.Id) || now < _noJudgementUntil)
        {
            return;
        }

        tally.Clear();
        Statistics.Quarantines++;
        Bury(
            now,
            subject,
            subject.Generation,
            subject.Incarnation,
            MemberState.Failed,
            MemberUpdate.Accuse(MemberState.Failed, subject.Identity, subject.Incarnation, _local.Id, isVerdict: true));
    }

    /// <summary>What is known of a member's failures in one life, and of its heartbeats since the last one.</summary>
    private sealed class Probation(ulong generation)
    {
        private const double CleanShare = 0.8;

        private TimeSpan _cleanSince = TimeSpan.MaxValue;
        private TimeSpan _lastBeat;
        private int _beats;

        public ulong Generation { get; } = generation;

        public int Failures { get; private set; }

        /// <summary>Whether the last failure was a verdict of the monitors.</summary>
        public bool IsVerdict { get; private set; }

        public TimeSpan LastFailure { get; private set; }

        public void Fail(TimeSpan now, bool isVerdict)
        {
            Failures++;
            IsVerdict = isVerdict;
            LastFailure = now;
            _cleanSince = TimeSpan.MaxValue;
        }

        /// <summary>The monitors have agreed on it after all: what spoke for the member before the failure no longer does.</summary>
        public void Condemn(TimeSpan now)
        {
            if (!IsVerdict)
            {
                IsVerdict = true;
                LastFailure = now;
                _cleanSince = TimeSpan.MaxValue;
            }
        }

        /// <summary>Counts heartbeats from before the failure; a gap after them voids them like any others.</summary>
        public void Credit(TimeSpan since, TimeSpan lastBeat, int beats)
        {
            _cleanSince = since;
            _lastBeat = lastBeat;
            _beats = beats;
        }

        public void Beat(TimeSpan now, TimeSpan longestGap)
        {
            if (_cleanSince == TimeSpan.MaxValue || now - _lastBeat > longestGap)
            {
                _cleanSince = now;
                _beats = 0;
            }

            _lastBeat = now;
            _beats++;
        }

        public bool IsClean(TimeSpan now, TimeSpan required, TimeSpan interval) =>
            _cleanSince != TimeSpan.MaxValue
            && now - _cleanSince >= required
            && now - _lastBeat <= 2 * interval
            && _beats >= CleanShare * ((now - _cleanSince) / interval);
    }
}
