using System.Collections.Frozen;
using System.Net;
using RpcNet.Cluster.Balancing;
using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster;

/// <summary>
/// One life of a member that takes calls. The object stays the same while tags, state and load change, and a restarted worker is
/// a new one. All members may be read at any time.
/// </summary>
public sealed class Worker
{
    private readonly int[] _loads;
    private volatile ClusterMember _member;
    private volatile WorkerState _state;
    private volatile bool _warming;
    private volatile bool _released;
    private int _reportedByOthers;
    private int _expectedOfOthers;
    private double _meanOfOthers;
    private long _reportedAt;
    private int _handedOver;
    private double _capacity = 1;

    internal Worker(WorkerRegistry registry, ClusterMember member, int slot)
    {
        Registry = registry;
        _member = member;
        _loads = registry.Loads;
        Slot = slot;
        Hash = ConsistentHashBalancer.HashOf(member.Id.Value);
    }

    /// <summary>The member's id.</summary>
    public NodeId Id => _member.Id;

    /// <summary>Id and generation.</summary>
    public NodeIdentity Identity => _member.Identity;

    /// <summary>The name for people: the tag "label", or the id.</summary>
    public string Label => _member.Name;

    /// <summary>Where the worker serves calls.</summary>
    public IPEndPoint Address => _member.Address;

    /// <summary>The worker's description of itself.</summary>
    public FrozenDictionary<string, string> Tags => _member.Tags;

    /// <summary>Whether the worker is the local node.</summary>
    public bool IsLocal => _member.IsLocal;

    /// <summary>Whether it gets calls.</summary>
    public WorkerState State => _state;

    /// <summary>
    /// Calls in progress at the worker, whoever made them: what the worker reported last, with the local calls exact. Never
    /// negative.
    /// </summary>
    public int InFlight => _released
        ? 0
        : Math.Max(0, Volatile.Read(ref _loads[Slot]) - Volatile.Read(ref _expectedOfOthers) + Volatile.Read(ref _reportedByOthers));

    /// <summary>
    /// The same as <see cref="InFlight"/>, under the name that least-connections balancing gives it. Connections that carry no
    /// call do not count; <see cref="OpenConnections"/> has all.
    /// </summary>
    public int ActiveConnections => InFlight;

    /// <summary>Calls in progress that this process made.</summary>
    public int LocalInFlight => _released ? 0 : Math.Max(0, Volatile.Read(ref _loads[Slot]) - Volatile.Read(ref _expectedOfOthers));

    /// <summary>RPC connections open at the worker when it last reported; 0 before.</summary>
    public int OpenConnections => Load?.Connections ?? 0;

    /// <summary>
    /// How much the worker can carry compared with the others: its load report, or its tag "capacity", or 1. Always positive.
    /// </summary>
    public double Capacity => Volatile.Read(ref _capacity);

    /// <summary>What the worker last reported, or null when it has not yet.</summary>
    public LoadReport? Load { get; internal set; }

    /// <summary>
    /// The smoothed time of the calls from this process, failures penalized; zero before the first one.
    /// </summary>
    public TimeSpan Latency => TimeSpan.FromMilliseconds(Health.Ewma.Milliseconds);

    /// <inheritdoc/>
    public override string ToString() => $"{Label} at {Address} ({State}, {InFlight} in flight)";

    internal WorkerRegistry Registry { get; }

    internal int Slot { get; }

    internal ulong Hash { get; }

    internal ClusterMember Member => _member;

    internal WorkerHealth Health { get; } = new();

    /// <summary>Whether the worker gets less than its share because it is new or back from an ejection.</summary>
    internal bool IsWarming => _warming;

    /// <summary>Timestamp at which it began to warm up.</summary>
    internal long WarmingSince { get; private set; }

    /// <summary>What the worker last reported of itself.</summary>
    internal WorkerPhase ReportedPhase { get; private set; } = WorkerPhase.Ready;

    /// <summary>Takes part in the count; the caller pairs it with <see cref="Leave"/>.</summary>
    internal int Enter() => Interlocked.Increment(ref _loads[Slot]);

    internal void Leave() => Interlocked.Decrement(ref _loads[Slot]);

    /// <summary>Leaves the call in the count until the next report, which has it if it runs.</summary>
    internal void HandOver() => Interlocked.Increment(ref _handedOver);

    internal void Update(ClusterMember member)
    {
        _member = member;
        UpdateCapacity();
    }

    internal void SetState(WorkerState state) => _state = state;

    internal void SetWarming(bool warming, long now)
    {
        WarmingSince = now;
        _warming = warming;
    }

    /// <summary>
    /// Takes over a report. What others have in progress is its total less the local calls at this moment; a call that was
    /// on its way is attributed wrongly until the next report. The caller serializes.
    /// </summary>
    /// <remarks>
    /// Clients that all go by the same report all run to the worker that was least loaded a moment ago, and overload it until
    /// the next one. Who makes calls itself therefore expects of the others what they had on average over the last second, and
    /// rounds that at random, so that no two clients see the same picture; its own calls it counts exactly. Who makes none, as
    /// a director, is told the load for its decisions and goes by the report as it is.
    /// </remarks>
    /// <param name="now">Timestamp.</param>
    /// <param name="ticksOfMean">The time constant of the average, in timestamp units.</param>
    internal void Apply(LoadReport report, long now, double ticksOfMean, RandomSource random)
    {
        var isFirst = Load is null;
        Load = report;
        ReportedPhase = report.Phase;
        UpdateCapacity();
        var handedOver = Interlocked.Exchange(ref _handedOver, 0);
        var local = Volatile.Read(ref _loads[Slot]) - _expectedOfOthers - handedOver;
        var others = Math.Max(0, report.InFlight - Math.Max(0, local));
        var weight = isFirst ? 1 : 1 - Math.Exp((_reportedAt - now) / ticksOfMean);
        _meanOfOthers += (others - _meanOfOthers) * weight;
        _reportedAt = now;
        var makesCalls = Health.Ewma.Milliseconds > 0;
        SetOthers(others, makesCalls ? (int)(_meanOfOthers + random.NextDouble()) : others, handedOver);
    }

    /// <summary>
    /// Forgets the load of a worker that can no longer be heard; its phase stays, since one that drains hangs up. The caller
    /// serializes.
    /// </summary>
    internal void ForgetReport()
    {
        Load = null;
        UpdateCapacity();
        SetOthers(reported: 0, expected: 0, Interlocked.Exchange(ref _handedOver, 0));
    }

    /// <summary>Whether nothing counts in the slot any more; then it may serve another worker. The caller serializes.</summary>
    internal bool TryRelease()
    {
        ForgetReport();
        return _released = Volatile.Read(ref _loads[Slot]) == 0;
    }

    private void SetOthers(int reported, int expected, int handedOver)
    {
        var change = expected - _expectedOfOthers - handedOver;
        Volatile.Write(ref _reportedByOthers, reported);
        Volatile.Write(ref _expectedOfOthers, expected);
        if (change != 0)
        {
            Interlocked.Add(ref _loads[Slot], change);
        }
    }

    private void UpdateCapacity()
    {
        var capacity = Load is { Capacity: > 0 } report
            ? report.Capacity
            : double.TryParse(
                _member.GetTag("capacity"), System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture, out var tag)
                ? tag
                : 1;
        Volatile.Write(ref _capacity, double.IsFinite(capacity) && capacity > 0 ? Math.Clamp(capacity, 0.001, 1_000_000) : 1);
    }
}
