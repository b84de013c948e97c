using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster.Balancing;

/// <summary>The smallest (load + 1) / capacity, each worker that has it with the same probability.</summary>
internal sealed class WeightedLeastConnectionsBalancer(RandomSource random) : ILoadBalancer
{
    public int Select(WorkerSet candidates, in SelectionRequest request)
    {
        var (loads, slots, weights) = (candidates.Loads, candidates.Slots, candidates.InverseCapacities);
        var (least, ties) = (double.PositiveInfinity, 0);
        for (var i = 0; i < slots.Length; i++)
        {
            var cost = (Math.Max(0, loads[slots[i]]) + 1) * weights[i];
            if (cost <= least)
            {
                ties = cost == least ? ties + 1 : 1;
                least = cost;
            }
        }

        var skip = ties <= 1 ? 0 : random.Next(ties);
        var last = 0;
        for (var i = 0; i < slots.Length; i++)
        {
            if ((Math.Max(0, loads[slots[i]]) + 1) * weights[i] <= least)
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
}
