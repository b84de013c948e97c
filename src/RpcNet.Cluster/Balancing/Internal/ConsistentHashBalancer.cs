using System.Numerics;
using System.Runtime.InteropServices;
using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster.Balancing;

/// <summary>
/// The worker that the key's bucket belongs to (<see cref="HashTable"/>), or the bucket's next choice among those that have at
/// most max(1, ⌈c · (total + 1) · capacity / Σ capacity⌉) calls, this one included (bounded load, Mirrokni et al. 2018).
/// </summary>
internal sealed class ConsistentHashBalancer(RandomSource random, double boundedLoad) : ILoadBalancer
{
    private const int MostProbes = 128;

    private readonly PowerOfTwoChoicesBalancer _keyless = new(random);

    public int Select(WorkerSet candidates, in SelectionRequest request)
    {
        if (request.AffinityKey is not { } key)
        {
            return _keyless.Select(candidates, request);
        }

        var bucket = HashTable.BucketOf(HashOf(key));
        var owner = candidates.IsTransient
            ? HashTable.Best(candidates, bucket, null, 0)
            : (candidates.Hashes ??= new HashTable(candidates)).Owner(bucket);
        var load = candidates.GetLoad(owner);

        // One call is below every bound: the sum of all loads is only for those that have more.
        if (load <= 0)
        {
            return owner;
        }

        var perCapacity = boundedLoad * (1 + Sum(GatheredLoads.Of(candidates))) / candidates.TotalCapacity;
        if (load < HashTable.Bound(candidates, owner, perCapacity))
        {
            return owner;
        }

        // A look-up costs as much as some eight steps of the search through all workers that follows.
        var probes = Math.Min(MostProbes, 4 + (candidates.Count / 8));
        var next = bucket;
        for (var i = 0; i < probes && candidates.Hashes is { } table; i++)
        {
            // The key's next choice is the owner of another bucket, which it has by its own bucket alone.
            next = HashTable.BucketOf(Mix((ulong)next + 1));
            var choice = table.Owner(next);
            if (candidates.GetLoad(choice) < HashTable.Bound(candidates, choice, perCapacity))
            {
                return choice;
            }
        }

        return HashTable.Best(candidates, bucket, candidates.Loads, perCapacity) is var last and >= 0 ? last : owner;
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

    public static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 33)) * 0xFF51AFD7ED558CCD;
        z = (z ^ (z >> 33)) * 0xC4CEB9FE1A85EC53;
        return z ^ (z >> 33);
    }

    private static long Sum(ReadOnlySpan<int> loads)
    {
        var vectors = MemoryMarshal.Cast<int, Vector<int>>(loads);
        var sums = Vector<long>.Zero;
        foreach (ref readonly var vector in vectors)
        {
            Vector.Widen(Vector.Max(vector, Vector<int>.Zero), out var low, out var high);
            sums += low + high;
        }

        var sum = Vector.Sum(sums);
        foreach (var load in loads[(vectors.Length * Vector<int>.Count)..])
        {
            sum += Math.Max(0, load);
        }

        return sum;
    }
}
