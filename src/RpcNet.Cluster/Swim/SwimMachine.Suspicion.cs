namespace RpcNet.Cluster.Swim;

/// <summary>Suspicion: accusations, their confirmation and their end.</summary>
internal sealed partial class SwimMachine
{
    private readonly Dictionary<NodeId, Suspicion> _suspicions = [];

    /// <summary>The local node found a member unreachable.</summary>
    private void Accuse(TimeSpan now, MemberEntry entry, double? phi)
    {
        if (now < _noJudgementUntil || _phase != Phase.Running || IsConflicted)
        {
            return;
        }

        var incarnation = _rules.AccusedIncarnation(entry);
        var update = MemberUpdate.Accuse(MemberState.Suspect, entry.Identity, incarnation, _local.Id);
        if (entry.State == MemberState.Suspect && incarnation == entry.Incarnation)
        {
            if (Confirm(now, entry, _local.Id))
            {
                Spread(update);
            }

            return;
        }

        Statistics.SuspicionsOriginated++;
        BeginSuspicion(now, entry, incarnation, _local.Id, phi);
        Spread(update);
    }

    private void BeginSuspicion(TimeSpan now, MemberEntry entry, ulong incarnation, NodeId accuser, double? phi = null, bool isLastChance = false)
    {
        var wasSuspect = entry.State == MemberState.Suspect;
        EndSuspicion(entry);
        _table.Update(entry, entry.Generation, incarnation, MemberState.Suspect, entry.Record, now);
        var min = _rules.MinSuspicion(_options.SuspicionMultiplier, LiveCount, _options.ProbeInterval);
        var suspicion = new Suspicion(
            entry,
            entry.Generation,
            accuser,
            now,
            min,
            isLastChance ? 0 : _rules.ExpectedConfirmations(_options.SuspicionMultiplier, LiveCount));
        _suspicions[entry.Id] = suspicion;
        Schedule(suspicion);
        _effects.Changed(entry);
        if (!wasSuspect)
        {
            _effects.Notify(new SwimEvent(SwimEventKind.Suspected)
            {
                Record = entry.Record,
                State = MemberState.Suspect,
                Accuser = accuser,
                Phi = phi ?? _detector.Phi(entry.Id, now),
            });
            NotePartitionChange(now, entry);
        }
    }

    /// <summary>
    /// A failure that others declared counts here once the suspicion has been known here for its minimum. Otherwise the accuser may
    /// have been cut off while it waited, and neither the suspicion nor the refutation could pass; the subject gets that time now.
    /// </summary>
    private bool GetsLastChance(TimeSpan now, MemberEntry entry, MemberUpdate failure)
    {
        if (!_suspicions.TryGetValue(entry.Id, out var suspicion) || failure.Incarnation > entry.Incarnation)
        {
            BeginSuspicion(now, entry, failure.Incarnation, failure.Accuser, isLastChance: true);
            Spread(MemberUpdate.Accuse(MemberState.Suspect, failure.Subject, failure.Incarnation, failure.Accuser));
            return true;
        }

        var deadline = suspicion.Started + suspicion.Min;
        if (now >= deadline)
        {
            return false;
        }

        if (deadline < suspicion.Deadline)
        {
            suspicion.Deadline = deadline;
            _timers.Add(deadline, TimerKind.SuspicionEnd, suspicion);
        }

        return true;
    }

    /// <returns>Whether this accuser is new and its word still shortens the wait.</returns>
    private bool Confirm(TimeSpan now, MemberEntry entry, NodeId accuser)
    {
        if (!_suspicions.TryGetValue(entry.Id, out var suspicion) || !suspicion.Confirm(accuser))
        {
            return false;
        }

        Schedule(suspicion);
        if (suspicion.Deadline <= now)
        {
            ExpireSuspicion(now, suspicion);
            return false;
        }

        return true;
    }

    private void Schedule(Suspicion suspicion)
    {
        var timeout = _rules.SuspicionTimeout(suspicion.Min, 6 * suspicion.Min, suspicion.Confirmations, suspicion.Expected);
        suspicion.Deadline = Min(suspicion.Deadline, suspicion.Started + timeout);
        _timers.Add(suspicion.Deadline, TimerKind.SuspicionEnd, suspicion);
    }

    private void ExpireSuspicion(TimeSpan now, Suspicion suspicion)
    {
        var entry = suspicion.Entry;
        if (!_suspicions.TryGetValue(entry.Id, out var current) || current != suspicion || now < suspicion.Deadline)
        {
            return;
        }

        if (now < _noJudgementUntil)
        {
            suspicion.Deadline = _noJudgementUntil;
            _timers.Add(suspicion.Deadline, TimerKind.SuspicionEnd, suspicion);
            return;
        }

        EndSuspicion(entry);
        if (!_rules.SuspicionExpires)
        {
            return;
        }

        Statistics.FailuresDeclared++;
        Bury(
            now,
            entry,
            entry.Generation,
            entry.Incarnation,
            MemberState.Failed,
            MemberUpdate.Accuse(MemberState.Failed, entry.Identity, entry.Incarnation, _local.Id));
    }

    private void EndSuspicion(MemberEntry entry) => _suspicions.Remove(entry.Id);

    /// <summary>An accusation that waits to be refuted.</summary>
    private sealed class Suspicion(
        MemberEntry entry,
        ulong generation,
        NodeId originator,
        TimeSpan started,
        TimeSpan min,
        int expected)
    {
        private readonly List<NodeId> _accusers = [originator];

        public MemberEntry Entry { get; } = entry;

        public ulong Generation { get; } = generation;

        public TimeSpan Started { get; set; } = started;

        public TimeSpan Min { get; } = min;

        /// <summary>k: as many confirmations as are waited for.</summary>
        public int Expected { get; } = expected;

        public TimeSpan Deadline { get; set; } = TimeSpan.MaxValue;

        /// <summary>C: accusers besides the first.</summary>
        public int Confirmations => _accusers.Count - 1;

        public NodeId Originator => _accusers[0];

        public bool Confirm(NodeId accuser)
        {
            if (Confirmations >= Expected || _accusers.Contains(accuser))
            {
                return false;
            }

            _accusers.Add(accuser);
            return true;
        }
    }
}
