using System.Numerics;
using System.Runtime.InteropServices;
using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster.Balancing;

/// <summary>
/// The true minimum, and each worker that has it with the same probability: one pass finds the minimum and how many have it,
/// a second one takes the one drawn. Loads that change between the passes make the choice at worst slightly stale.
/// </summary>
internal sealed class LeastConnectionsBalancer(RandomSource random) : ILoadBalancer
{
    public int Select(WorkerSet candidates, in SelectionRequest request) =>
        candidates.IsContiguous && candidates.Count >= 2 * Vector<int>.Count
            ? SelectContiguous(candidates.Loads.AsSpan(candidates.Slots[0], candidates.Count))
            : SelectScattered(candidates.Loads, candidates.Slots);

    private int SelectScattered(int[] loads, int[] slots)
    {
        var (least, ties) = (int.MaxValue, 0);
        foreach (var slot in slots)
        {
            var load = loads[slot];
            if (load <= least)
            {
                ties = load == least ? ties + 1 : 1;
                least = load;
            }
        }

        var skip = ties == 1 ? 0 : random.Next(ties);
        var last = 0;
        for (var i = 0; i < slots.Length; i++)
        {
            if (loads[slots[i]] <= least)
            {
                last = i;
                if (skip-- == 0)
                {
                    break;
                }
            }
        }

        return last;
    }

    private int SelectContiguous(ReadOnlySpan<int> loads)
    {
        var vectors = MemoryMarshal.Cast<int, Vector<int>>(loads);
        var minima = vectors[0];
        foreach (var vector in vectors)
        {
            minima = Vector.Min(minima, vector);
        }

        var rest = loads[(vectors.Length * Vector<int>.Count)..];
        var least = int.MaxValue;
        for (var i = 0; i < Vector<int>.Count; i++)
        {
            least = Math.Min(least, minima[i]);
        }

        foreach (var load in rest)
        {
            least = Math.Min(least, load);
        }

        var wanted = new Vector<int>(least);
        var counts = Vector<int>.Zero;
        foreach (var vector in vectors)
        {
            counts -= Vector.LessThanOrEqual(vector, wanted);
        }

        var ties = Vector.Sum(counts);
        foreach (var load in rest)
        {
            ties += load <= least ? 1 : 0;
        }

        var skip = ties <= 1 ? 0 : random.Next(ties);
        var index = 0;
        foreach (var vector in vectors)
        {
            var here = -Vector.Sum(Vector.LessThanOrEqual(vector, wanted));
            if (here > skip)
            {
                break;
            }

            skip -= here;
            index += Vector<int>.Count;
        }

        var last = -1;
        for (; index < loads.Length; index++)
        {
            if (loads[index] <= least)
            {
                last = index;
                if (skip-- == 0)
                {
                    break;
                }
            }
        }

        return last >= 0 ? last : random.Next(loads.Length);
    }
}

/// <summary>The smallest (load + 1) / capacity, each worker that has it with the same probability.</summary>
internal sealed class WeightedLeastConnectionsBalancer(RandomSource random) : ILoadBalancer
{
    public int Select(WorkerSet candidates, in SelectionRequest request)
    {
        var best = double.PositiveInfinity;
        var (chosen, ties) = (0, 0);
        for (var i = 0; i < candidates.Count; i++)
        {
            var cost = (Math.Max(0, candidates.GetLoad(i)) + 1) / candidates[i].Capacity;
            if (cost < best)
            {
                (best, chosen, ties) = (cost, i, 1);
            }
            else if (cost == best && random.Next(++ties) == 0)
            {
                chosen = i;
            }
        }

        return chosen;
    }
}
