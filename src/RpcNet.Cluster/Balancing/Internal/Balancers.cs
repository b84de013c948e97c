using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster.Balancing;

/// <summary>Makes the strategies from their names.</summary>
internal static class Balancers
{
    public static ILoadBalancer Create(WorkerRegistryOptions options, RandomSource random, TimeProvider time, Func<string?> localZone) =>
        options.CreateBalancer?.Invoke() ?? options.Strategy switch
        {
            LoadBalancingStrategy.LeastConnections => new LeastConnectionsBalancer(random),
            LoadBalancingStrategy.RoundRobin => new RoundRobinBalancer(random),
            LoadBalancingStrategy.Random => new RandomBalancer(random),
            LoadBalancingStrategy.PowerOfTwoChoices => new PowerOfTwoChoicesBalancer(random),
            LoadBalancingStrategy.WeightedLeastConnections => new WeightedLeastConnectionsBalancer(random),
            LoadBalancingStrategy.PeakEwma => new PeakEwmaBalancer(random, time, options.LatencyDecay),
            LoadBalancingStrategy.ConsistentHash => new ConsistentHashBalancer(random, options.BoundedLoad),
            LoadBalancingStrategy.ZoneLocal => new ZoneLocalBalancer(random, localZone, options.ZoneSpillFactor),
            _ => throw new ArgumentOutOfRangeException(nameof(options), options.Strategy, "There is no such strategy."),
        };
}
