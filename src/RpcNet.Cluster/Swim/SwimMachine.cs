using System.Collections.Frozen;
using System.Net;
using RpcNet.Cluster.Phi;

namespace RpcNet.Cluster.Swim;

/// <summary>
/// The membership protocol of one node: SWIM with Lifeguard, as a pure state machine. It has no socket, task, clock or chance of
/// its own: inputs carry the time, outputs go to <see cref="ISwimEffects"/>, the <see cref="Random"/> is given. Equal inputs give
/// equal outputs.
/// </summary>
/// <remarks>
/// Not thread-safe. The caller calls <see cref="Tick"/> at <see cref="NextWakeup"/> or soon after; how late it is tells the
/// machine whether its own process is stalled. Time is monotonic and starts anywhere.
/// </remarks>
internal sealed partial class SwimMachine
{
    private const int MaxSyncRowsBytes = 60_000;

    private readonly ClusterOptions _options;
    private readonly ISwimEffects _effects;
    private readonly Random _random;
    private readonly SwimRules _rules;
    private readonly MemberTable _table;
    private readonly GossipQueue _queue = new();
    private readonly TimerQueue _timers = new();
    private readonly uint _cluster;
    private readonly List<MemberEntry> _picked = [];
    private readonly List<MemberUpdate> _updates = [];

    private MemberRecord _local;
    private Phase _phase;
    private TimeSpan _now;
    private TimeSpan _nextProbe = TimeSpan.MaxValue;
    private TimeSpan _nextGossip = TimeSpan.MaxValue;
    private TimeSpan _nextHeartbeat = TimeSpan.MaxValue;
    private TimeSpan _nextSync = TimeSpan.MaxValue;
    private TimeSpan _nextReconnect = TimeSpan.MaxValue;
    private TimeSpan _nextSeeds = TimeSpan.MaxValue;
    private TimeSpan _nextUpkeep = TimeSpan.MaxValue;
    private TimeSpan _lastGossip = TimeSpan.MinValue;
    private TimeSpan _noJudgementUntil = TimeSpan.MinValue;
    private int _localHealth;
    private NodeId _source;

    public SwimMachine(
        ClusterOptions options,
        NodeIdentity identity,
        IPEndPoint address,
        FrozenDictionary<string, string> tags,
        Random random,
        ISwimEffects effects,
        SwimRules? rules = null)
    {
        _options = options;
        _effects = effects;
        _random = random;
        _rules = rules ?? SwimRules.Default;
        _table = new MemberTable(random);
        _cluster = ClusterHash(options.ClusterName);
        _local = new MemberRecord(identity.Id, identity.Generation, incarnation: 1, address, tags);
        _detector = new HeartbeatMonitor(options.Phi);
    }

    private enum Phase : byte
    {
        Created,
        Running,
        Leaving,
        Left,
    }

    /// <summary>The local node's record.</summary>
    public MemberRecord Local => _local;

    public MemberTable Table => _table;

    public SwimStatistics Statistics { get; } = new();

    /// <summary>Lifeguard's local health multiplier less one: 0 is healthy.</summary>
    public int LocalHealth => _localHealth;

    /// <summary>News that waits to be sent along.</summary>
    public int PendingNews => _queue.Count;

    public int PendingTimers => _timers.Count;

    public int SuspicionCount => _suspicions.Count;

    /// <summary>Members that are alive or suspect, the local one included.</summary>
    public int LiveCount => _table.Live.Count + 1;

    /// <summary>When <see cref="Tick"/> must be called next.</summary>
    public TimeSpan NextWakeup
    {
        get
        {
            var next = _timers.NextDue;
            next = Min(next, _nextProbe);
            next = Min(next, _nextGossip);
            next = Min(next, _nextHeartbeat);
            next = Min(next, _nextSync);
            next = Min(next, _nextReconnect);
            next = Min(next, _nextSeeds);
            return Min(next, _nextUpkeep);
        }
    }

    public static uint ClusterHash(string name) => (uint)StableHash.Of(name);

    /// <summary>Starts the periods, at random phases so that nodes started together do not act together.</summary>
    public void Start(TimeSpan now)
    {
        if (_phase != Phase.Created)
        {
            return;
        }

        _phase = Phase.Running;
        _nextProbe = now + Jitter(_options.ProbeInterval);
        _nextSync = now + Jitter(_options.PushPullInterval);
        _nextReconnect = now + Jitter(_options.ReconnectInterval);
        _nextSeeds = now;
        _nextUpkeep = now + UpkeepInterval;
        _nextHeartbeat = _options.Phi.Enabled ? now + Jitter(_options.Phi.HeartbeatInterval) : TimeSpan.MaxValue;
        StartPartitionDetector(now);
        Tick(now);
    }

    /// <summary>Starts from a view that is known beforehand, without events. Before <see cref="Start"/>.</summary>
    public void Preload(CommonView view, TimeSpan now) => _table.StartFrom(view, _local.Id, now);

    /// <summary>Does what is due.</summary>
    public void Tick(TimeSpan now)
    {
        NoticePause(now);
        while (_timers.TryTake(now, out var kind, out var owner))
        {
            switch (kind)
            {
                case TimerKind.ProbeTimeout:
                    AskHelpers(now, (Probe)owner!);
                    break;
                case TimerKind.ProbeEnd:
                    EndProbe(now, (Probe)owner!);
                    break;
                case TimerKind.HelperTimeout:
                    SendNack((Errand)owner!);
                    break;
                case TimerKind.SuspicionEnd:
                    ExpireSuspicion(now, (Suspicion)owner!);
                    break;
                case TimerKind.ConflictCheck:
                    CheckConflict(now);
                    break;
                case TimerKind.EarlySync:
                    SyncWithRandomMember(now);
                    break;
                case TimerKind.NewsSettled:
                    CompareAfterNews(now);
                    break;
            }
        }

        if (now >= _nextProbe)
        {
            ProbeNext(now);
        }

        if (now >= _nextHeartbeat)
        {
            BeatHearts(now);
        }

        if (now >= _nextSync)
        {
            PeriodicSync(now);
        }

        if (now >= _nextReconnect)
        {
            Reconnect(now);
        }

        if (now >= _nextSeeds)
        {
            AskForSeeds(now);
        }

        if (now >= _nextUpkeep)
        {
            Upkeep(now);
        }

        if (now >= _nextGossip)
        {
            GossipTick(now);
        }
    }

    /// <summary>A message came in.</summary>
    public void Receive(TimeSpan now, SwimMessage message)
    {
        if (_phase is Phase.Created or Phase.Left)
        {
            return;
        }

        NoticePause(now);
        if (message.Cluster != _cluster)
        {
            Statistics.ForeignMessages++;
            if (message is { Kind: MessageKind.Join, ReplyTo: { } joiner })
            {
                Send(joiner, New(MessageKind.Reject, text: $"this is cluster '{_options.ClusterName}', not '{message.Text}'"));
            }

            _effects.Refused(message.ReplyTo, "it belongs to another cluster");
            return;
        }

        if (message.From == _local.Identity && message.Kind != MessageKind.Conflict)
        {
            return;
        }

        _source = message.From.Id;
        HearFrom(now, message);
        if (message.Kind is not (MessageKind.Join or MessageKind.JoinReply or MessageKind.SyncRows))
        {
            foreach (var update in message.Updates)
            {
                Merge(now, update);
            }
        }

        switch (message.Kind)
        {
            case MessageKind.Ping:
                OnPing(now, message);
                break;
            case MessageKind.Ack:
                OnAck(now, message);
                break;
            case MessageKind.PingRequest:
                OnPingRequest(now, message);
                break;
            case MessageKind.Nack:
                OnNack(message);
                break;
            case MessageKind.Mismatch:
                OnMismatch(now, message);
                break;
            case MessageKind.Heartbeat:
                OnHeartbeat(now, message);
                break;
            case MessageKind.Join:
                OnJoin(now, message);
                break;
            case MessageKind.JoinReply:
                OnJoinReply(now, message);
                break;
            case MessageKind.Reject:
                _effects.Refused(message.ReplyTo, message.Text);
                break;
            case MessageKind.SyncDigest:
                OnSyncDigest(message);
                break;
            case MessageKind.SyncBuckets:
                OnSyncBuckets(message);
                break;
            case MessageKind.SyncRows:
                OnSyncRows(now, message);
                break;
            case MessageKind.Conflict:
                OnConflict(message);
                break;
            case MessageKind.Complaint:
                OnComplaint(now, message);
                break;
        }
    }

    /// <summary>Publishes new tags of the local node under a new incarnation.</summary>
    public void SetTags(TimeSpan now, FrozenDictionary<string, string> tags)
    {
        NoticePause(now);
        Republish(now, _rules.IncarnationForTags(_local.Incarnation), tags, RecordFlags.None);
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private static TimeSpan After(TimeSpan due, TimeSpan period, TimeSpan now)
    {
        var next = due + period;
        return next > now ? next : now + period;
    }

    /// <summary>
    /// Being woken far too late means that this process, not the others, stood still: pending verdicts are void, every suspect
    /// gets the lost time back, and for a while nobody is accused because what came in meanwhile is still being read.
    /// </summary>
    private void NoticePause(TimeSpan now)
    {
        // What fell due before the last input was handled is late for other reasons: a confirmation shortened a suspicion, or that
        // very input noticed the pause.
        var threshold = _options.PauseThreshold;
        var due = Max(NextWakeup, _now);
        _now = now;
        if (threshold == TimeSpan.Zero || due == TimeSpan.MaxValue || now - due <= threshold)
        {
            return;
        }

        var lost = now - due;
        Statistics.Pauses++;
        _probes.Clear();
        _errands.Clear();
        foreach (var suspicion in _suspicions.Values)
        {
            suspicion.Deadline += lost;
            suspicion.Started += lost;
            _timers.Add(suspicion.Deadline, TimerKind.SuspicionEnd, suspicion);
        }

        _detector.Resume(now);
        ShiftPartitionDetector(lost);
        _noJudgementUntil = Max(_noJudgementUntil, now + Max(Min(lost, 6 * _options.ProbeInterval), 2 * _options.ProbeInterval));
        AdjustHealth(1);
        _resumedUntil = now + ResumedWindow;
        _nextProbe = Later(_nextProbe, now);
        _nextHeartbeat = Later(_nextHeartbeat, now);
        _nextSync = Later(_nextSync, now);
        _nextReconnect = Later(_nextReconnect, now);
        _nextSeeds = Later(_nextSeeds, now);
        _nextUpkeep = Later(_nextUpkeep, now);
        _nextGossip = Later(_nextGossip, now);
        _effects.Notify(new SwimEvent(SwimEventKind.Paused) { Duration = lost });
        if (_table.Live.Count > 0)
        {
            // The others may have given the local node up meanwhile; asking is the fastest way to hear of it and refute.
            _timers.Add(now, TimerKind.EarlySync);
        }

        static TimeSpan Later(TimeSpan due, TimeSpan now) => due < now ? now : due;
    }

    private TimeSpan Jitter(TimeSpan period) => period * _random.NextDouble();

    /// <summary>A period ± 10 %, so that nodes do not fall into step.</summary>
    private TimeSpan Around(TimeSpan period) => period * (0.9 + (0.2 * _random.NextDouble()));

    private void AdjustHealth(int by) => _localHealth = Math.Clamp(_localHealth + by, 0, _options.MaxLocalHealth);

    private SwimMessage New(
        MessageKind kind,
        uint sequence = 0,
        NodeIdentity target = default,
        IPEndPoint? targetAddress = null,
        bool replyTo = false,
        string text = "",
        MemberUpdate[]? updates = null) => new()
        {
            Kind = kind,
            Cluster = _cluster,
            From = _local.Identity,
            ReplyTo = replyTo ? _local.Address : null,
            Sequence = sequence,
            Target = target,
            TargetAddress = targetAddress,
            Text = text,
            Updates = updates ?? SwimMessage.NoUpdates,
        };

    private void Send(IPEndPoint to, SwimMessage message) => _effects.Send(to, message);
}
