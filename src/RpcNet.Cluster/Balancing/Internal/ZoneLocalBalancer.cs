using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster.Balancing;

/// <summary>Two choices within the local zone, compared with two choices of the others: a full zone spills over by itself.</summary>
internal sealed class ZoneLocalBalancer(RandomSource random, Func<string?> localZone, double spillFactor) : ILoadBalancer
{
    private volatile Split? _split;

    public int Select(WorkerSet candidates, in SelectionRequest request)
    {
        var split = _split;
        if (split is null || !ReferenceEquals(split.Of, candidates))
        {
            split = new Split(candidates, localZone());
            _split = split;
        }

        if (split.Local.Length == 0 || split.Remote.Length == 0)
        {
            return Best(candidates, split.Local.Length == 0 ? split.Remote : split.Local);
        }

        var local = Best(candidates, split.Local);
        var remote = Best(candidates, split.Remote);
        return Cost(candidates, local) > spillFactor * Cost(candidates, remote) ? remote : local;
    }

    private static double Cost(WorkerSet candidates, int index) =>
        (Math.Max(0, candidates.GetLoad(index)) + 1) / candidates[index].Capacity;

    private int Best(WorkerSet candidates, int[] indices)
    {
        var (a, b) = PowerOfTwoChoicesBalancer.Draw(random.Next(), indices.Length);
        return Cost(candidates, indices[b]) < Cost(candidates, indices[a]) ? indices[b] : indices[a];
    }

    private sealed class Split
    {
        public Split(WorkerSet of, string? zone)
        {
            Of = of;
            var (local, remote) = (new List<int>(), new List<int>());
            for (var i = 0; i < of.Count; i++)
            {
                var isLocal = zone is not null && of[i].Tags.TryGetValue("zone", out var own) && own == zone;
                (isLocal ? local : remote).Add(i);
            }

            Local = [.. local];
            Remote = [.. remote];
        }

        public WorkerSet Of { get; }

        public int[] Local { get; }

        public int[] Remote { get; }
    }
}
