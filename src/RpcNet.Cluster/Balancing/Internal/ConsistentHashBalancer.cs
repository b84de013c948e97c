using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster.Balancing;

/// <summary>
/// Rendezvous hashing (Thaler and Ravishankar 1998) with weights and bounded load: the worker with the highest score among
/// those that have at most max(1, ⌈c · (total + 1) · capacity / Σ capacity⌉) calls, this one included. It keeps no ring, so that
/// nothing has to be rebuilt when workers come, go or are excluded.
/// </summary>
internal sealed class ConsistentHashBalancer(RandomSource random, double boundedLoad) : ILoadBalancer
{
    private readonly PowerOfTwoChoicesBalancer _keyless = new(random);

    public int Select(WorkerSet candidates, in SelectionRequest request)
    {
        if (request.AffinityKey is not { } key)
        {
            return _keyless.Select(candidates, request);
        }

        long total = 1;
        var (loads, slots) = (candidates.Loads, candidates.Slots);
        foreach (var slot in slots)
        {
            total += Math.Max(0, loads[slot]);
        }

        var hash = HashOf(key);
        var perCapacity = boundedLoad * total / candidates.TotalCapacity;
        var equalBound = (int)Math.Min(int.MaxValue, Math.Max(1, Math.Ceiling(perCapacity / candidates.InverseCapacities[0])));
        var (best, first) = (double.NegativeInfinity, double.NegativeInfinity);
        var (chosen, preferred) = (-1, 0);
        for (var i = 0; i < slots.Length; i++)
        {
            var score = Score(hash, candidates, i);
            if (score > first)
            {
                (first, preferred) = (score, i);
            }

            if (score > best && loads[slots[i]] < (candidates.HasEqualCapacities ? equalBound : Bound(perCapacity, candidates, i)))
            {
                (best, chosen) = (score, i);
            }
        }

        return chosen >= 0 ? chosen : preferred;
    }

    /// <summary>FNV-1a over UTF-16, then a finalizer: the same in every process, unlike <see cref="string.GetHashCode()"/>.</summary>
    public static ulong HashOf(string text)
    {
        var hash = 14695981039346656037UL;
        foreach (var c in text)
        {
            hash = (hash ^ c) * 1099511628211UL;
        }

        return Mix(hash);
    }

    private static double Bound(double perCapacity, WorkerSet candidates, int index) =>
        Math.Max(1, Math.Ceiling(perCapacity / candidates.InverseCapacities[index]));

    /// <summary>
    /// −capacity / ln(u) with u uniform in (0, 1): the highest score wins with probability capacity / Σ capacity. Among equal
    /// capacities u itself gives the same order without the logarithm.
    /// </summary>
    private static double Score(ulong key, WorkerSet candidates, int index)
    {
        var u = ((Mix(key ^ candidates.Items[index].Hash) >> 11) + 0.5) * (1.0 / (1UL << 53));
        return candidates.HasEqualCapacities ? u : -1 / (candidates.InverseCapacities[index] * Math.Log(u));
    }

    public static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 33)) * 0xFF51AFD7ED558CCD;
        z = (z ^ (z >> 33)) * 0xC4CEB9FE1A85EC53;
        return z ^ (z >> 33);
    }
}
