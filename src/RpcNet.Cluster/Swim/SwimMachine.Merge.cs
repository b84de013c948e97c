using System.Collections.Frozen;

namespace RpcNet.Cluster.Swim;

/// <summary>What news does to the table.</summary>
internal sealed partial class SwimMachine
{
    private static readonly TimeSpan ResumedWindow = TimeSpan.FromSeconds(30);

    /// <summary>
    /// A verdict is reached over seconds while its subject goes on refuting other accusations; it counts against these incarnations too.
    /// </summary>
    private const ulong VerdictSlack = 4;

    private static readonly TimeSpan ReturnInterval = TimeSpan.FromSeconds(1);

    private TimeSpan _resumedUntil = TimeSpan.MinValue;
    private TimeSpan _nextReturn = TimeSpan.MinValue;

    /// <summary>
    /// Fresh news. The order of precedence for one id: higher generation; within it Left; then higher incarnation; then, at the
    /// same incarnation, Failed over Suspect over Alive.
    /// </summary>
    private void Merge(TimeSpan now, MemberUpdate update)
    {
        if (update.Subject.Id == _local.Id)
        {
            MergeLocal(now, update);
            return;
        }

        if (update.State is MemberState.Suspect or MemberState.Failed && IsHeldForDead(_source))
        {
            // Who is cut off finds everybody silent. It is told that it is held for dead and has to come back first.
            return;
        }

        _table.TryGet(update.Subject.Id, out var entry);
        switch (update.State)
        {
            case MemberState.Alive:
                MergeAlive(now, entry, update);
                break;
            case MemberState.Suspect:
                MergeSuspect(now, entry, update);
                break;
            default:
                MergeDead(now, entry, update);
                break;
        }
    }

    private bool IsHeldForDead(NodeId id) => _table.TryGet(id, out var entry) && !entry.IsLive;

    private void MergeAlive(TimeSpan now, MemberEntry? entry, MemberUpdate update)
    {
        var record = update.Record!;
        if (entry is null)
        {
            if (_table.Live.Count + 2 > _options.MaxMembers
                || !record.SpeaksWith(ClusterProtocol.MinVersion, ClusterProtocol.MaxVersion))
            {
                Statistics.MembersIgnored++;
                return;
            }

            entry = new MemberEntry(record.Id, record.Generation, record.Incarnation, MemberState.Alive, record, now);
            _table.Add(entry);
            Announce(entry, SwimEventKind.Joined, update);
            return;
        }

        if (record.Generation < entry.Generation)
        {
            return;
        }

        if (record.Generation > entry.Generation)
        {
            if (entry.IsLive && _rules.RestartEndsOldLife)
            {
                EndSuspicion(entry);
                _detector.Forget(entry.Id);
                var old = entry.Record!;
                _table.Update(entry, entry.Generation, entry.Incarnation, MemberState.Failed, old, now);
                _effects.Changed(entry);
                _effects.Notify(new SwimEvent(SwimEventKind.Failed) { Record = old, State = MemberState.Failed });
            }

            EndSuspicion(entry);
            SetState(now, entry, MemberState.Alive, record.Incarnation, record);
            Announce(entry, SwimEventKind.Joined, update);
            return;
        }

        if (!_rules.AliveSupersedes(entry, record.Incarnation))
        {
            AdoptMissingRecord(now, entry, record);
            return;
        }

        switch (entry.State)
        {
            case MemberState.Alive:
                var previous = entry.Record!.Tags;
                SetState(now, entry, MemberState.Alive, record.Incarnation, record);
                _effects.Changed(entry);
                NotifyTags(record, previous);
                break;
            case MemberState.Suspect:
                var tags = entry.Record!.Tags;
                EndSuspicion(entry);
                SetState(now, entry, MemberState.Alive, record.Incarnation, record);
                _effects.Changed(entry);
                _effects.Notify(new SwimEvent(SwimEventKind.Recovered) { Record = record });
                NotifyTags(record, tags);
                break;
            default:
                if (entry.State == MemberState.Failed && !MayReturn(now, entry, record))
                {
                    return;
                }

                SetState(now, entry, MemberState.Alive, record.Incarnation, record);
                Announce(entry, SwimEventKind.Joined, update);
                return;
        }

        Spread(update);
    }

    /// <summary>A row may know of a higher incarnation only through an accusation; the description catches up here.</summary>
    private void AdoptMissingRecord(TimeSpan now, MemberEntry entry, MemberRecord record)
    {
        if (entry.IsLive && record.Incarnation > entry.Record!.Incarnation && record.Incarnation <= entry.Incarnation)
        {
            var previous = entry.Record.Tags;
            SetState(now, entry, entry.State, entry.Incarnation, record);
            _effects.Changed(entry);
            NotifyTags(record, previous);
        }
    }

    private void MergeSuspect(TimeSpan now, MemberEntry? entry, MemberUpdate update)
    {
        if (entry is null
            || !entry.IsLive
            || update.Subject.Generation != entry.Generation
            || !_rules.AccusationApplies(entry, update.Incarnation))
        {
            return;
        }

        if (entry.State == MemberState.Suspect && update.Incarnation == entry.Incarnation)
        {
            if (Confirm(now, entry, update.Accuser))
            {
                Spread(update);
            }

            return;
        }

        BeginSuspicion(now, entry, update.Incarnation, update.Accuser);
        Spread(update);
    }

    private void MergeDead(TimeSpan now, MemberEntry? entry, MemberUpdate update)
    {
        var (state, subject) = (update.State, update.Subject);
        if (entry is null)
        {
            if (_rules.KeepsDeadMembers)
            {
                entry = new MemberEntry(subject.Id, subject.Generation, update.Incarnation, state, record: null, now);
                _table.Add(entry);
                _effects.Changed(entry);
                Spread(update);
            }

            return;
        }

        if (subject.Generation < entry.Generation)
        {
            return;
        }

        if (subject.Generation == entry.Generation)
        {
            var applies = state switch
            {
                _ when entry.State == MemberState.Left => false,
                MemberState.Left => true,
                _ when entry.IsLive => _rules.AccusationApplies(entry, update.IsVerdict ? update.Incarnation + VerdictSlack : update.Incarnation),
                _ => update.Incarnation > entry.Incarnation,
            };
            if (!applies)
            {
                return;
            }

            if (entry.IsLive && state == MemberState.Failed && !update.IsVerdict && GetsLastChance(now, entry, update))
            {
                return;
            }
        }

        Bury(now, entry, subject.Generation, Math.Max(update.Incarnation, subject.Generation == entry.Generation ? entry.Incarnation : 0), state, update);
    }

    /// <summary>A member is dead now: by its own word, by its suspicion's end, or by the word of others.</summary>
    private void Bury(TimeSpan now, MemberEntry entry, ulong generation, ulong incarnation, MemberState state, MemberUpdate update)
    {
        var wasLive = entry.IsLive;
        var isNews = wasLive || generation != entry.Generation;
        var record = entry.Record;
        EndSuspicion(entry);
        _table.Update(entry, generation, incarnation, state, record, now);
        if (state == MemberState.Failed)
        {
            NoteFailure(now, entry, update.IsVerdict, isNews);
        }

        _detector.Forget(entry.Id);
        _effects.Changed(entry);
        if (wasLive)
        {
            var kind = state == MemberState.Left ? SwimEventKind.Left : SwimEventKind.Failed;
            _effects.Notify(new SwimEvent(kind) { Record = record, State = state, Accuser = update.Accuser });
            NotePartitionChange(now, entry);
        }

        Spread(update);
        if (!_rules.KeepsDeadMembers)
        {
            _table.Remove(entry);
        }
    }

    private void SetState(TimeSpan now, MemberEntry entry, MemberState state, ulong incarnation, MemberRecord record) =>
        _table.Update(entry, record.Generation, incarnation, state, record, now);

    private void Announce(MemberEntry entry, SwimEventKind kind, MemberUpdate update)
    {
        _effects.Changed(entry);
        _effects.Notify(new SwimEvent(kind) { Record = entry.Record, State = entry.State });
        Spread(update);
    }

    private void NotifyTags(MemberRecord record, FrozenDictionary<string, string> previous)
    {
        if (!SameTags(record.Tags, previous))
        {
            _effects.Notify(new SwimEvent(SwimEventKind.TagsChanged) { Record = record, PreviousTags = previous });
        }
    }

    internal static bool SameTags(FrozenDictionary<string, string> a, FrozenDictionary<string, string> b)
    {
        if (ReferenceEquals(a, b))
        {
            return true;
        }

        if (a.Count != b.Count)
        {
            return false;
        }

        foreach (var (key, value) in a)
        {
            if (!b.TryGetValue(key, out var other) || !string.Equals(value, other, StringComparison.Ordinal))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>News about the local node itself.</summary>
    private void MergeLocal(TimeSpan now, MemberUpdate update)
    {
        if (_phase != Phase.Running || update.Subject.Generation < _local.Generation)
        {
            return;
        }

        if (update.Subject.Generation > _local.Generation)
        {
            MergeRival(now, update);
            return;
        }

        switch (update.State)
        {
            case MemberState.Alive when update.Record!.Address.Equals(_local.Address):
                if (update.Incarnation > _local.Incarnation)
                {
                    // Only this process raises its incarnation, so an earlier one drew the same generation.
                    Republish(now, update.Incarnation + 1, _local.Tags, RecordFlags.None);
                }

                break;
            case MemberState.Alive:
                MergeRival(now, update);
                break;
            case MemberState.Left:
                BeginNewGeneration(now, update.Subject.Generation + 1);
                break;
            case MemberState.Suspect:
                Refute(now, update.Incarnation);
                break;
            default:
                // Nobody sends heartbeats to a member that he holds for dead.
                _detector.Resume(now);
                if (now >= _nextReturn)
                {
                    // On probation every refutation is refused, and each new accusation would call for the next one.
                    _nextReturn = now + ReturnInterval;
                    Refute(now, update.Incarnation);
                }

                break;
        }
    }

    private void Refute(TimeSpan now, ulong accused)
    {
        if (!_rules.CallsForRefutation(_local.Incarnation, accused))
        {
            if (_queue.Find(_local.Id) is null)
            {
                // Refuted before, and sent as often as any news: whoever still accuses has not heard it.
                Spread(MemberUpdate.Alive(_local));
            }

            return;
        }

        Statistics.Refutations++;
        AdjustHealth(1);
        Republish(
            now,
            _rules.RefutingIncarnation(_local.Incarnation, accused),
            _local.Tags,
            now < _resumedUntil || IsPartitioned ? RecordFlags.Resumed : RecordFlags.None);
    }

    private void Republish(TimeSpan now, ulong incarnation, FrozenDictionary<string, string> tags, RecordFlags flags)
    {
        _local = new MemberRecord(_local.Id, _local.Generation, incarnation, _local.Address, tags, flags);
        _effects.Notify(new SwimEvent(SwimEventKind.LocalChanged) { Record = _local });
        if (_phase == Phase.Running)
        {
            Spread(MemberUpdate.Alive(_local));
            _nextGossip = now;
        }
    }

    private void BeginNewGeneration(TimeSpan now, ulong generation)
    {
        _local = new MemberRecord(_local.Id, generation, incarnation: 0, _local.Address, _local.Tags);
        Republish(now, incarnation: 1, _local.Tags, RecordFlags.None);
    }

    private void Spread(MemberUpdate update)
    {
        if (_rules.PassesOn(update))
        {
            _queue.Add(update);
            _lastNews = _now;
            if (_nextGossip == TimeSpan.MaxValue)
            {
                _nextGossip = Max(_lastGossip + _options.GossipInterval, _now);
            }
        }
    }
}
