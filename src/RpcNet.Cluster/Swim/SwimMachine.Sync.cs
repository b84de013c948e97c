using System.Net;
using System.Numerics;

namespace RpcNet.Cluster.Swim;

/// <summary>Joining, and the comparison of whole tables.</summary>
/// <remarks>
/// Tables are compared by hash before anything is sent. A: SyncDigest (one hash) → B, when it differs: SyncBuckets (a hash for
/// each part) → A: SyncRows (its rows of the parts that differ, and which those are) → B: SyncRows (its own rows of them). Two
/// equal tables cost one small message, whatever their size.
/// </remarks>
internal sealed partial class SwimMachine
{
    private static readonly TimeSpan FirstSeedPause = TimeSpan.FromMilliseconds(250);

    private TimeSpan _seedPause = FirstSeedPause;
    private TimeSpan _strangersFrom = TimeSpan.MinValue;
    private bool _seedAnswered;

    /// <summary>The seeds' present addresses, in answer to <see cref="ISwimEffects.ResolveSeeds"/>.</summary>
    public void SeedsResolved(TimeSpan now, IReadOnlyList<IPEndPoint> seeds)
    {
        NoticePause(now);
        if (_phase != Phase.Running || IsConflicted)
        {
            return;
        }

        foreach (var seed in seeds)
        {
            if (!seed.Equals(_local.Address) && _table.FindLive(seed) is null)
            {
                SendJoin(seed);
            }
        }
    }

    /// <summary>Asks the seeds again at once, as after new ones were added.</summary>
    public void HurrySeeds(TimeSpan now)
    {
        if (_phase == Phase.Running)
        {
            _seedPause = FirstSeedPause;
            _nextSeeds = now;
            Tick(now);
        }
    }

    private void AskForSeeds(TimeSpan now)
    {
        if (_table.Live.Count > 0)
        {
            _seedPause = _options.SeedRetryInterval;
        }

        _nextSeeds = now + Around(_seedPause);
        _seedPause = Min(2 * _seedPause, _options.SeedRetryInterval);
        if (_phase == Phase.Running)
        {
            _effects.ResolveSeeds();
        }
    }

    private void SendJoin(IPEndPoint to) =>
        Send(to, New(MessageKind.Join, replyTo: true, text: _options.ClusterName, updates: [MemberUpdate.Alive(_local)]));

    private void OnJoin(TimeSpan now, SwimMessage message)
    {
        if (message.ReplyTo is not { } joiner || _phase != Phase.Running || IsConflicted)
        {
            return;
        }

        if (message.Text != _options.ClusterName)
        {
            Send(joiner, New(MessageKind.Reject, text: $"this is cluster '{_options.ClusterName}', not '{message.Text}'"));
            return;
        }

        foreach (var update in message.Updates)
        {
            if (update.Record is { } record && !record.SpeaksWith(ClusterProtocol.MinVersion, ClusterProtocol.MaxVersion))
            {
                Send(joiner, New(
                    MessageKind.Reject,
                    text: $"protocol versions {record.MinVersion} to {record.MaxVersion} and {ClusterProtocol.MinVersion} to {ClusterProtocol.MaxVersion} do not overlap"));
                return;
            }
        }

        foreach (var update in message.Updates)
        {
            Merge(now, update);
        }

        SendRows(joiner, MessageKind.JoinReply, bucketCount: 1, _ => true, wanted: []);
    }

    private void OnJoinReply(TimeSpan now, SwimMessage message)
    {
        // Others may have found this node before the seed answered it.
        var first = !_seedAnswered || _table.Live.Count == 0;
        MergeRows(now, message);
        if (!_seedAnswered)
        {
            _seedAnswered = true;
            _effects.Notify(new SwimEvent(SwimEventKind.SeedAnswered));
        }

        if (first && _table.Live.Count > 0)
        {
            // Others join at the same moment through other seeds; a few early comparisons find them without waiting for gossip.
            for (var delay = 1; delay <= 8; delay *= 2)
            {
                _timers.Add(now + Around(TimeSpan.FromSeconds(delay)), TimerKind.EarlySync);
            }
        }
    }

    private void PeriodicSync(TimeSpan now)
    {
        var scale = _table.Live.Count > 32 ? 1 + Math.Log2(_table.Live.Count / 32.0) : 1;
        _nextSync = now + Around(scale * _options.PushPullInterval);
        SyncWithRandomMember(now);
    }

    private void SyncWithRandomMember(TimeSpan now)
    {
        if (_phase != Phase.Running || IsConflicted)
        {
            return;
        }

        _table.PickLive(1, _picked);
        if (_picked.Count > 0)
        {
            SendDigest(_picked[0].Record!.Address, _picked[0]);
        }
    }

    /// <summary>Tries one member that is held for dead: after a partition somebody has to.</summary>
    private void Reconnect(TimeSpan now)
    {
        _nextReconnect = now + Around(_options.ReconnectInterval * Math.Max(1, LiveCount / 32.0));
        if (_phase != Phase.Running || IsConflicted || _table.Dead.Count == 0)
        {
            return;
        }

        for (var tries = 0; tries < 8; tries++)
        {
            var entry = _table.Dead[_random.Next(_table.Dead.Count)];
            if (entry is { State: MemberState.Failed, Record: { } record } && _table.FindLive(record.Address) is null)
            {
                SendDigest(record.Address, entry);
                return;
            }
        }
    }

    private void AskStranger(TimeSpan now, IPEndPoint address)
    {
        if (now >= _strangersFrom)
        {
            _strangersFrom = now + TimeSpan.FromMilliseconds(100);
            SendDigest(address, receiver: null);
        }
    }

    private void SendDigest(IPEndPoint to, MemberEntry? receiver)
    {
        Statistics.SyncsStarted++;
        var accusation = receiver is null ? null : AccusationOf(receiver);
        Send(to, new SwimMessage
        {
            Kind = MessageKind.SyncDigest,
            Cluster = _cluster,
            From = _local.Identity,
            ReplyTo = _local.Address,
            Hashes = [TableHash],
            Updates = accusation is null ? SwimMessage.NoUpdates : [accusation],
        });
    }

    private ulong TableHash => _table.Fingerprint ^ _local.Fingerprint;

    private void OnSyncDigest(SwimMessage message)
    {
        if (message is not { ReplyTo: { } peer, Hashes.Length: 1 } || _phase != Phase.Running || IsConflicted)
        {
            return;
        }

        if (message.Hashes[0] != TableHash)
        {
            var count = (int)Math.Clamp(BitOperations.RoundUpToPowerOf2((uint)(LiveCount / 8)), 1, 1024);
            Send(peer, new SwimMessage
            {
                Kind = MessageKind.SyncBuckets,
                Cluster = _cluster,
                From = _local.Identity,
                ReplyTo = _local.Address,
                Hashes = BucketHashes(count),
            });
        }
    }

    private void OnSyncBuckets(SwimMessage message)
    {
        var count = message.Hashes.Length;
        if (message.ReplyTo is not { } peer || !BitOperations.IsPow2(count) || _phase != Phase.Running || IsConflicted)
        {
            return;
        }

        var own = BucketHashes(count);
        var differing = new List<int>();
        for (var i = 0; i < count; i++)
        {
            if (own[i] != message.Hashes[i])
            {
                differing.Add(i);
            }
        }

        if (differing.Count > 0)
        {
            var wanted = new HashSet<int>(differing);
            SendRows(peer, MessageKind.SyncRows, count, wanted.Contains, [.. differing]);
        }
    }

    private void OnSyncRows(TimeSpan now, SwimMessage message)
    {
        if (_phase != Phase.Running || IsConflicted)
        {
            return;
        }

        if (message is { ReplyTo: { } peer, Wanted.Length: > 0 } && BitOperations.IsPow2(message.BucketCount))
        {
            var wanted = new HashSet<int>(message.Wanted);
            SendRows(peer, MessageKind.SyncRows, message.BucketCount, wanted.Contains, wanted: []);
        }

        MergeRows(now, message);
    }

    private ulong[] BucketHashes(int count)
    {
        var hashes = new ulong[count];
        var mask = (ulong)(count - 1);
        hashes[_local.RingHash & mask] ^= _local.Fingerprint;
        _table.AddFingerprints(hashes);
        return hashes;
    }

    private void SendRows(IPEndPoint to, MessageKind kind, int bucketCount, Predicate<int> bucket, int[] wanted)
    {
        var mask = (ulong)(bucketCount - 1);
        var rows = new List<MemberUpdate>();
        var bytes = 0;
        if (bucket((int)(_local.RingHash & mask)))
        {
            Add(MemberUpdate.Alive(_local));
        }

        foreach (var entry in _table.LiveWhere(hash => bucket((int)(hash & mask))))
        {
            Add(RowOf(entry));
        }

        foreach (var entry in _table.Dead)
        {
            if (bucket((int)(StableHash.Of(entry.Id.Value) & mask)))
            {
                Add(RowOf(entry));
            }
        }

        Flush(wanted);

        void Add(MemberUpdate row)
        {
            if (bytes + row.WireSize > MaxSyncRowsBytes)
            {
                Flush([]);
            }

            bytes += row.WireSize;
            rows.Add(row);
        }

        void Flush(int[] wanting)
        {
            Statistics.SyncRowsSent += rows.Count;
            Send(to, new SwimMessage
            {
                Kind = kind,
                Cluster = _cluster,
                From = _local.Identity,
                ReplyTo = _local.Address,
                BucketCount = bucketCount,
                Wanted = wanting,
                Updates = rows.ToArray(),
            });
            rows.Clear();
            bytes = 0;
        }
    }

    private MemberUpdate RowOf(MemberEntry entry) => MemberUpdate.Row(
        entry.State,
        entry.Identity,
        entry.Incarnation,
        entry.State == MemberState.Suspect && _suspicions.TryGetValue(entry.Id, out var suspicion) ? suspicion.Originator : _local.Id,
        entry.IsLive ? entry.Record : null);

    /// <summary>
    /// Rows are old news. A member that the peer holds for dead may merely have been cut off from it, so it is asked, and gets the
    /// accusation to refute; nobody is buried on the word of a table. The good-byes that members said themselves count.
    /// </summary>
    private void MergeRows(TimeSpan now, SwimMessage message)
    {
        foreach (var row in message.Updates)
        {
            if (row.Subject.Id == _local.Id)
            {
                MergeLocal(now, row);
                continue;
            }

            _table.TryGet(row.Subject.Id, out var entry);
            switch (row.State)
            {
                case MemberState.Alive:
                    MergeAlive(now, entry, row);
                    break;
                case MemberState.Suspect:
                    MergeSuspectRow(now, entry, row);
                    break;
                case MemberState.Left when entry is not null:
                    MergeDead(now, entry, row);
                    break;
                case MemberState.Failed when entry is { IsLive: true }:
                    DoubtBuried(now, entry, row);
                    break;
            }
        }
    }

    private void MergeSuspectRow(TimeSpan now, MemberEntry? entry, MemberUpdate row)
    {
        if (row.Record is { } record)
        {
            // The description is as good as from any other row; the accusation follows if it still applies.
            MergeAlive(now, entry, MemberUpdate.Alive(record));
            _table.TryGet(row.Subject.Id, out entry);
        }

        MergeSuspect(now, entry, MemberUpdate.Accuse(MemberState.Suspect, row.Subject, row.Incarnation, row.Accuser));
    }

    private void DoubtBuried(TimeSpan now, MemberEntry entry, MemberUpdate row)
    {
        if (row.Subject.Generation != entry.Generation || row.Incarnation < entry.Incarnation)
        {
            return;
        }

        Send(entry.Record!.Address, New(
            MessageKind.Gossip,
            updates: [MemberUpdate.Accuse(MemberState.Failed, row.Subject, row.Incarnation, row.Accuser)]));
        ProbeAtOnce(now, entry);
    }
}
