using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster.Balancing;

/// <summary>
/// The smallest (load + 1) / capacity, each worker that has it with the same probability: the passes of
/// <see cref="LeastConnectionsBalancer"/> over eight costs at a time.
/// </summary>
internal sealed class WeightedLeastConnectionsBalancer(RandomSource random) : ILoadBalancer
{
    private readonly LeastConnectionsBalancer _unweighted = new(random);

    public int Select(WorkerSet candidates, in SelectionRequest request) => candidates.HasEqualCapacities
        ? _unweighted.Select(candidates, request)
        : Select(GatheredLoads.Of(candidates), candidates.InverseCapacities);

    private int Select(ReadOnlySpan<int> loads, ReadOnlySpan<float> weights)
    {
        var loadVectors = MemoryMarshal.Cast<int, Vector256<int>>(loads);
        var weightVectors = MemoryMarshal.Cast<float, Vector256<float>>(weights)[..loadVectors.Length];
        var restFrom = loadVectors.Length * Vector256<int>.Count;
        var minima = Vector256.Create(float.PositiveInfinity);
        for (var i = 0; i < loadVectors.Length; i++)
        {
            minima = Vector256.Min(minima, Cost(loadVectors[i], weightVectors[i]));
        }

        var least = float.PositiveInfinity;
        for (var i = 0; i < Vector256<float>.Count; i++)
        {
            least = Math.Min(least, minima.GetElement(i));
        }

        for (var i = restFrom; i < loads.Length; i++)
        {
            least = Math.Min(least, Cost(loads[i], weights[i]));
        }

        var ties = 0;
        var wanted = Vector256.Create(least);
        for (var i = 0; i < loadVectors.Length; i++)
        {
            ties += BitOperations.PopCount(AtMost(Cost(loadVectors[i], weightVectors[i]), wanted));
        }

        for (var i = restFrom; i < loads.Length; i++)
        {
            ties += Cost(loads[i], weights[i]) <= least ? 1 : 0;
        }

        var skip = ties <= 1 ? 0 : random.Next(ties);
        for (var i = 0; i < loadVectors.Length; i++)
        {
            var here = AtMost(Cost(loadVectors[i], weightVectors[i]), wanted);
            var count = BitOperations.PopCount(here);
            if (count > skip)
            {
                return (i * Vector256<int>.Count) + LeastConnectionsBalancer.PlaceOfBit(here, skip);
            }

            skip -= count;
        }

        for (var i = restFrom; i < loads.Length; i++)
        {
            if (Cost(loads[i], weights[i]) <= least && skip-- == 0)
            {
                return i;
            }
        }

        // The loads rose meanwhile: any worker is as good a guess as another.
        return random.Next(loads.Length);
    }

    private static uint AtMost(Vector256<float> costs, Vector256<float> limit) =>
        Vector256.LessThanOrEqual(costs, limit).ExtractMostSignificantBits();

    private static Vector256<float> Cost(Vector256<int> loads, Vector256<float> weights) =>
        Vector256.ConvertToSingle(Vector256.Max(loads, Vector256<int>.Zero) + Vector256<int>.One) * weights;

    private static float Cost(int load, float weight) => (Math.Max(0, load) + 1) * weight;
}
