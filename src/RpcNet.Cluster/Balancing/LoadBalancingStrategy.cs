namespace RpcNet.Cluster;

/// <summary>How a worker is chosen among those that fit.</summary>
public enum LoadBalancingStrategy
{
    /// <summary>
    /// The worker with the fewest calls in flight, ties broken at random. Costs time proportional to the number of workers.
    /// </summary>
    LeastConnections,

    /// <summary>One after the other.</summary>
    RoundRobin,

    /// <summary>Any, with equal probability.</summary>
    Random,

    /// <summary>Of two drawn at random, the one with fewer calls in flight (Mitzenmacher 2001).</summary>
    PowerOfTwoChoices,

    /// <summary>The worker with the smallest (calls in flight + 1) / capacity, ties broken at random.</summary>
    WeightedLeastConnections,

    /// <summary>
    /// Of two drawn at random, the one with the smaller smoothed latency · (calls in flight + 1); a rise of the latency counts at
    /// once, a fall slowly.
    /// </summary>
    PeakEwma,

    /// <summary>
    /// The worker that <see cref="RpcCallOptions.AffinityKey"/> belongs to (rendezvous hashing weighted by capacity), or its next
    /// choice while that worker has more than 1.25 times the mean load (bounded load, Mirrokni et al. 2018). When a worker goes,
    /// only its keys move. Calls without a key go to one of two drawn at random.
    /// </summary>
    ConsistentHash,

    /// <summary>
    /// The less loaded of two drawn from the local zone (tag "zone"); one of another zone when that one's load is less than half.
    /// </summary>
    ZoneLocal,
}
