namespace RpcNet.Cluster.Balancing;

/// <summary>
/// Which worker of a set a key belongs to. Keys fall into 65,536 buckets, and rendezvous hashing (Thaler and Ravishankar 1998)
/// gives each bucket to a worker: the one with the highest score of bucket and worker. A bucket's owner is worked out when its
/// first key comes, so that a change of the set costs nothing by itself; and as the score knows of no other worker, a worker
/// that goes gives away its own buckets and no others.
/// </summary>
internal sealed class HashTable(WorkerSet workers)
{
    private const int BucketBits = 16;

    /// <summary>The owner's index + 1; 0 where it is not known yet. Racing threads write the same value.</summary>
    private readonly int[] _owners = new int[1 << BucketBits];

    public static int BucketOf(ulong hash) => (int)(hash >> (64 - BucketBits));

    public int Owner(int bucket)
    {
        var owner = _owners[bucket];
        if (owner == 0)
        {
            owner = Best(workers, bucket, null, 0) + 1;
            _owners[bucket] = owner;
        }

        return owner - 1;
    }

    /// <summary>The worker with the highest score among those that have less than their bound, or −1.</summary>
    /// <param name="loads">The loads in the order of the workers; null for no bound.</param>
    /// <param name="perCapacity">The bound of a worker of capacity 1.</param>
    public static int Best(WorkerSet workers, int bucket, int[]? loads, double perCapacity)
    {
        var key = ConsistentHashBalancer.Mix((ulong)bucket + 0x9E3779B97F4A7C15);
        var (best, chosen) = (double.NegativeInfinity, -1);
        for (var i = 0; i < workers.Count; i++)
        {
            var score = Score(key, workers, i);
            if (score > best && (loads is null || loads[workers.Slots[i]] < Bound(workers, i, perCapacity)))
            {
                (best, chosen) = (score, i);
            }
        }

        return chosen;
    }

    /// <summary>How many calls a worker may have before its keys go to their next choice: at least one.</summary>
    public static double Bound(WorkerSet workers, int index, double perCapacity) =>
        Math.Max(1, Math.Ceiling(perCapacity / workers.InverseCapacities[index]));

    /// <summary>
    /// −capacity / ln(u) with u uniform in (0, 1): the highest score wins with probability capacity / Σ capacity. Among equal
    /// capacities u itself gives the same order without the logarithm.
    /// </summary>
    private static double Score(ulong key, WorkerSet workers, int index)
    {
        var u = ((ConsistentHashBalancer.Mix(key ^ workers.Items[index].Hash) >> 11) + 0.5) * (1.0 / (1UL << 53));
        return workers.HasEqualCapacities ? u : -1 / (workers.InverseCapacities[index] * Math.Log(u));
    }
}
