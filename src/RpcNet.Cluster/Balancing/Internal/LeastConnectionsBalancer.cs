using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster.Balancing;

/// <summary>
/// The true minimum, and each worker that has it with the same probability: one pass finds the minimum, one counts who has it,
/// one finds the worker drawn. Loads that change between the passes make the choice at worst slightly stale.
/// </summary>
internal sealed class LeastConnectionsBalancer(RandomSource random) : ILoadBalancer
{
    public int Select(WorkerSet candidates, in SelectionRequest request) => Select(GatheredLoads.Of(candidates));

    private int Select(ReadOnlySpan<int> loads)
    {
        var vectors = MemoryMarshal.Cast<int, Vector256<int>>(loads);
        var rest = loads[(vectors.Length * Vector256<int>.Count)..];
        var least = Least(vectors, rest);
        var ties = Count(vectors, rest, least);
        var skip = ties <= 1 ? 0 : random.Next(ties);
        var wanted = Vector256.Create(least);
        for (var i = 0; i < vectors.Length; i++)
        {
            var here = Vector256.LessThanOrEqual(vectors[i], wanted).ExtractMostSignificantBits();
            var count = BitOperations.PopCount(here);
            if (count > skip)
            {
                return (i * Vector256<int>.Count) + PlaceOfBit(here, skip);
            }

            skip -= count;
        }

        for (var i = 0; i < rest.Length; i++)
        {
            if (rest[i] <= least && skip-- == 0)
            {
                return loads.Length - rest.Length + i;
            }
        }

        // The loads rose meanwhile: any worker is as good a guess as another.
        return random.Next(loads.Length);
    }

    /// <summary>The place of the set bit that comes after so many others.</summary>
    internal static int PlaceOfBit(uint bits, int after)
    {
        for (; after > 0; after--)
        {
            bits &= bits - 1;
        }

        return BitOperations.TrailingZeroCount(bits);
    }

    private static int Least(ReadOnlySpan<Vector256<int>> vectors, ReadOnlySpan<int> rest)
    {
        var minima = Vector256.Create(int.MaxValue);
        foreach (ref readonly var vector in vectors)
        {
            minima = Vector256.Min(minima, vector);
        }

        var least = int.MaxValue;
        for (var i = 0; i < Vector256<int>.Count; i++)
        {
            least = Math.Min(least, minima.GetElement(i));
        }

        foreach (var load in rest)
        {
            least = Math.Min(least, load);
        }

        return least;
    }

    private static int Count(ReadOnlySpan<Vector256<int>> vectors, ReadOnlySpan<int> rest, int least)
    {
        var wanted = Vector256.Create(least);
        var counts = Vector256<int>.Zero;
        foreach (ref readonly var vector in vectors)
        {
            counts -= Vector256.LessThanOrEqual(vector, wanted);
        }

        var ties = Vector256.Sum(counts);
        foreach (var load in rest)
        {
            ties += load <= least ? 1 : 0;
        }

        return ties;
    }
}
