namespace RpcNet.Cluster.Swim;

/// <summary>
/// Quarantine: the monitors of a member compare notes, and when most of them miss most of its heartbeats, it is taken out for a
/// while, whatever it refutes.
/// </summary>
internal sealed partial class SwimMachine
{
    private static readonly TimeSpan ComplaintInterval = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan ComplaintLifetime = TimeSpan.FromSeconds(6);

    private readonly Dictionary<NodeId, Confinement> _confinements = [];
    private readonly Dictionary<NodeId, Dictionary<NodeId, TimeSpan>> _complaints = [];
    private readonly List<MemberEntry> _panel = [];
    private readonly List<MemberEntry> _complainedAbout = [];
    private TimeSpan _nextComplaints;
    private TimeSpan _silencedUntil = TimeSpan.MinValue;
    private ulong _accusedWhileSilenced;

    /// <summary>Whether an order for this life is newer than the last one known.</summary>
    private bool IsNewQuarantine(NodeIdentity subject, QuarantineOrder order) => order.Number > LastQuarantine(subject);

    private uint LastQuarantine(NodeIdentity subject) =>
        _confinements.TryGetValue(subject.Id, out var confinement) && confinement.Generation == subject.Generation
            ? confinement.Number
            : 0;

    private bool IsQuarantined(TimeSpan now, MemberEntry entry) =>
        _confinements.TryGetValue(entry.Id, out var confinement)
        && confinement.Generation == entry.Generation
        && now < confinement.Until;

    private QuarantineOrder QuarantineOf(NodeIdentity subject) =>
        _confinements.TryGetValue(subject.Id, out var confinement)
        && confinement.Generation == subject.Generation
        && confinement.Until > _now
            ? new QuarantineOrder(confinement.Number, confinement.Until - _now)
            : default;

    private bool IsSilenced(TimeSpan now) => now < _silencedUntil;

    private bool MayReturn(TimeSpan now, MemberEntry entry) => !IsQuarantined(now, entry);

    private void BeginQuarantine(TimeSpan now, NodeIdentity subject, QuarantineOrder order)
    {
        if (IsNewQuarantine(subject, order))
        {
            _confinements[subject.Id] = new Confinement(
                subject.Generation,
                order.Number,
                now + Min(order.Remaining, _options.Quarantine.MaxDelay));
        }
    }

    private void OnOwnQuarantine(TimeSpan now, MemberUpdate update)
    {
        BeginQuarantine(now, _local.Identity, update.Quarantine);
        _silencedUntil = _confinements[_local.Id].Until;
        _accusedWhileSilenced = Math.Max(_accusedWhileSilenced, update.Incarnation);
    }

    /// <summary>After its quarantine the node speaks up again, above everything that was said against it.</summary>
    private void EndSilence(TimeSpan now)
    {
        if (_silencedUntil != TimeSpan.MinValue && now >= _silencedUntil)
        {
            _silencedUntil = TimeSpan.MinValue;
            Republish(now, Math.Max(_local.Incarnation, _accusedWhileSilenced) + 1, _local.Tags, RecordFlags.None);
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
        Nearest(subject.Record!.RingHash, forwards: true, _panel, subject);
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
        var valid = tally.Values.Count(at => now - at <= ComplaintLifetime);
        if (monitors < 3 || valid < _options.Quarantine.Quorum * monitors || !tally.ContainsKey(_local.Id) || now < _noJudgementUntil)
        {
            return;
        }

        tally.Clear();
        Statistics.Quarantines++;
        var number = LastQuarantine(subject.Identity) + 1;
        var delay = Min(_options.Quarantine.Delay * Math.Pow(2, Math.Min(number - 1, 20)), _options.Quarantine.MaxDelay);
        Bury(
            now,
            subject,
            subject.Generation,
            subject.Incarnation,
            MemberState.Failed,
            MemberUpdate.Accuse(MemberState.Failed, subject.Identity, subject.Incarnation, _local.Id, new QuarantineOrder(number, delay)));
    }

    private readonly record struct Confinement(ulong Generation, uint Number, TimeSpan Until);
}
