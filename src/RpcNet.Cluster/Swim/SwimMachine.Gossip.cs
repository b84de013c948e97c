namespace RpcNet.Cluster.Swim;

/// <summary>Spreading news: the gossip tick, and what rides along with other messages.</summary>
internal sealed partial class SwimMachine
{
    /// <summary>What a message needs besides its news: header, sequence, target, addresses.</summary>
    private const int MessageOverhead = 256;

    private static readonly TimeSpan SilentSpell = TimeSpan.FromSeconds(2.5);

    /// <summary>After news has been passed on and for this long there was no other, gossip has reached whom it could.</summary>
    private static readonly TimeSpan NewsSettleTime = TimeSpan.FromSeconds(2);

    private readonly Dictionary<NodeId, TimeSpan> _lastNotified = [];
    private TimeSpan _lastNews;
    private bool _comparesAfterNews;

    private void GossipTick(TimeSpan now)
    {
        _lastGossip = now;
        if (IsLeaving)
        {
            PressFarewell(now);
            if (_phase == Phase.Left)
            {
                return;
            }
        }

        if (_queue.Count == 0 || IsConflicted || !CanGossip())
        {
            _nextGossip = IsLeaving ? now + _options.GossipInterval : TimeSpan.MaxValue;
            if (_queue.Count == 0 && !_comparesAfterNews)
            {
                _comparesAfterNews = true;
                _timers.Add(now + NewsSettleTime + Jitter(NewsSettleTime), TimerKind.NewsSettled);
            }

            return;
        }

        _nextGossip = now + _options.GossipInterval;
        _table.PickLive(_options.GossipFanout, _picked);
        foreach (var target in _picked)
        {
            var news = NewsFor(target);
            if (news.Length == 0)
            {
                break;
            }

            Send(target.Record!.Address, New(MessageKind.Gossip, updates: news));
        }
    }

    /// <summary>
    /// Of many changes at once, as when a partition heals, gossip leaves out a few nodes here and there. Comparing once when it is
    /// over finds them long before the periodic comparison does, and costs one message where nothing is amiss.
    /// </summary>
    private void CompareAfterNews(TimeSpan now)
    {
        if (now - _lastNews < NewsSettleTime)
        {
            _timers.Add(_lastNews + NewsSettleTime + Jitter(NewsSettleTime), TimerKind.NewsSettled);
            return;
        }

        _comparesAfterNews = false;
        SyncWithRandomMember(now);
    }

    private bool CanGossip() => _table.Live.Count > 0 && _phase is Phase.Running or Phase.Leaving;

    /// <summary>
    /// The news for one message: first, when the receiver itself is accused, the accusation, so that it can refute (Lifeguard's
    /// buddy system), then whatever is due.
    /// </summary>
    private MemberUpdate[] NewsFor(MemberEntry? receiver)
    {
        _updates.Clear();
        var bytes = _options.MaxMessageBytes - MessageOverhead;
        if (receiver is not null && AccusationOf(receiver) is { } accusation)
        {
            _updates.Add(accusation);
            bytes -= accusation.WireSize;
        }

        if (_queue.Count > 0)
        {
            _queue.Take(bytes, _rules.RetransmitLimit(_options.RetransmitMultiplier, LiveCount), _updates);
        }

        return _updates.Count == 0 ? SwimMessage.NoUpdates : _updates.ToArray();
    }

    private MemberUpdate? AccusationOf(MemberEntry entry) => entry.State switch
    {
        MemberState.Suspect => MemberUpdate.Accuse(
            MemberState.Suspect,
            entry.Identity,
            entry.Incarnation,
            _suspicions.TryGetValue(entry.Id, out var suspicion) ? suspicion.Originator : _local.Id),
        MemberState.Failed => MemberUpdate.Accuse(
            MemberState.Failed,
            entry.Identity,
            entry.Incarnation,
            _local.Id),
        MemberState.Left => MemberUpdate.Left(entry.Identity, entry.Incarnation),
        _ => null,
    };

    /// <summary>
    /// Something came from a member. One that is held for dead is told so, at most once a second; one that is unknown is asked for
    /// its table.
    /// </summary>
    private void HearFrom(TimeSpan now, SwimMessage message)
    {
        if (now - _lastHeard > SilentSpell && _table.Live.Count > 0)
        {
            // Cut off in both directions: what the others conclude from the silence has nothing to do with this node's health.
            _resumedUntil = now + ResumedWindow;
        }

        _lastHeard = now;
        if (!_table.TryGet(message.From.Id, out var sender) || sender.Generation != message.From.Generation)
        {
            return;
        }

        if (sender.IsLive)
        {
            _detector.Hear(sender.Id, now);
            return;
        }

        if (message.Kind is MessageKind.Ping or MessageKind.Join || sender.Record is null || _phase != Phase.Running)
        {
            return;
        }

        if (_lastNotified.TryGetValue(sender.Id, out var last) && now - last < TimeSpan.FromSeconds(1))
        {
            return;
        }

        _lastNotified[sender.Id] = now;
        Send(sender.Record.Address, New(MessageKind.Gossip, updates: [AccusationOf(sender)!]));
    }
}
