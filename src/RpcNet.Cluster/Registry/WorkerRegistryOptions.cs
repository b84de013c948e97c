namespace RpcNet.Cluster;

/// <summary>How workers are found and chosen. Configuration section <c>RpcNet:Cluster:Workers</c>. Read once.</summary>
public sealed class WorkerRegistryOptions
{
    /// <summary>Which members are workers at all: a tag expression.</summary>
    /// <value>Default "role=worker"; empty takes every member.</value>
    public string Filter { get; set; } = "role=worker";

    /// <summary>How one of several workers is chosen.</summary>
    /// <value>Default LeastConnections.</value>
    public LoadBalancingStrategy Strategy { get; set; } = LoadBalancingStrategy.LeastConnections;

    /// <summary>Makes a strategy of your own for each tag expression in use, instead of <see cref="Strategy"/>.</summary>
    /// <value>Default null.</value>
    public Func<ILoadBalancer>? CreateBalancer { get; set; }

    /// <summary>The zone that <see cref="LoadBalancingStrategy.ZoneLocal"/> prefers.</summary>
    /// <value>Default null: the local member's tag "zone".</value>
    public string? LocalZone { get; set; }

    /// <summary>
    /// <see cref="LoadBalancingStrategy.ZoneLocal"/> leaves the zone when (calls + 1) / capacity there is more than this many
    /// times that of another zone.
    /// </summary>
    /// <value>1 … 1,000; default 2.</value>
    public double ZoneSpillFactor { get; set; } = 2;

    /// <summary><see cref="LoadBalancingStrategy.ConsistentHash"/> gives a worker at most this many times the mean load.</summary>
    /// <value>1 … 1,000; default 1.25.</value>
    public double BoundedLoad { get; set; } = 1.25;

    /// <summary>The time constant with which <see cref="LoadBalancingStrategy.PeakEwma"/> forgets a high latency.</summary>
    /// <value>100 ms … 10 min; default 10 s.</value>
    public TimeSpan LatencyDecay { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>The most workers known; more members are ignored with a warning.</summary>
    /// <value>1 … 100,000; default 4,096 (16 KiB).</value>
    public int MaxWorkers { get; set; } = 4096;

    /// <summary>
    /// Calls in flight at one worker beyond which it is not chosen. When all workers that fit have as many, the call is shed:
    /// ResourceExhausted at once, nothing sent.
    /// </summary>
    /// <value>1 … 1,000,000; default 1,024, as many as a connection admits.</value>
    public int MaxCallsPerWorker { get; set; } = 1024;

    /// <summary>
    /// Suspects are used again when fewer than this share of the workers that fit is free of suspicion: rather a call too many
    /// to a dead worker than the whole load on the few others.
    /// </summary>
    /// <value>0 … 1; default 0.5.</value>
    public double PanicShare { get; set; } = 0.5;

    /// <summary>
    /// The time over which the share of a worker that joined later, or came back from an ejection, rises from a tenth to the
    /// whole.
    /// </summary>
    /// <value>0 … 10 min; default 10 s; 0 is off.</value>
    public TimeSpan SlowStart { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Whether workers are asked to report their load. Takes a connection to each.</summary>
    /// <value>Default true.</value>
    public bool WatchLoad { get; set; } = true;

    /// <summary>How many workers are asked at most; of the others only the calls of this process are known.</summary>
    /// <value>0 … 100,000; default 256.</value>
    public int MaxLoadWatches { get; set; } = 256;

    /// <summary>When workers are taken out although membership finds them alive.</summary>
    public OutlierOptions Outliers { get; set; } = new();

    /// <summary>What is wrong with the values, one sentence each, for the configuration section <paramref name="section"/>.</summary>
    public IEnumerable<string> Validate(string section = "RpcNet:Cluster:Workers")
    {
        if (!TagExpression.TryParse(Filter, out _, out var complaint))
        {
            yield return $"{section}:Filter: {complaint}";
        }

        if (!Enum.IsDefined(Strategy))
        {
            yield return $"{section}:Strategy is '{Strategy}'; it must be one of {string.Join(", ", Enum.GetNames<LoadBalancingStrategy>())}.";
        }

        foreach (var (name, value, least, most) in new (string, double, double, double)[]
        {
            (nameof(ZoneSpillFactor), ZoneSpillFactor, 1, 1000),
            (nameof(BoundedLoad), BoundedLoad, 1, 1000),
            (nameof(MaxWorkers), MaxWorkers, 1, 100_000),
            (nameof(MaxCallsPerWorker), MaxCallsPerWorker, 1, 1_000_000),
            (nameof(PanicShare), PanicShare, 0, 1),
            (nameof(MaxLoadWatches), MaxLoadWatches, 0, 100_000),
        })
        {
            if (!(value >= least && value <= most))
            {
                yield return FormattableString.Invariant($"{section}:{name} is {value}; it must be from {least} to {most}.");
            }
        }

        foreach (var (name, value, least, most) in new (string, TimeSpan, TimeSpan, TimeSpan)[]
        {
            (nameof(LatencyDecay), LatencyDecay, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(10)),
            (nameof(SlowStart), SlowStart, TimeSpan.Zero, TimeSpan.FromMinutes(10)),
        })
        {
            if (value < least || value > most)
            {
                yield return $"{section}:{name} is {value:c}; it must be from {least:c} to {most:c}.";
            }
        }

        foreach (var outlierComplaint in Outliers.Validate($"{section}:Outliers"))
        {
            yield return outlierComplaint;
        }
    }
}
