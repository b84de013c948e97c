using RpcNet.Cluster;

namespace RpcNet.BalancingSim;

/// <summary>A way to choose workers.</summary>
/// <param name="Name">The name in the reports.</param>
/// <param name="Configure">Sets the registry's options.</param>
/// <param name="HearsReports">Whether the workers report their load to the clients.</param>
internal sealed record Strategy(string Name, Action<WorkerRegistryOptions> Configure, bool HearsReports = true)
{
    public static Strategy LeastConnectionsWithEjection { get; } = WithEjection(LoadBalancingStrategy.LeastConnections);

    public static Strategy PeakEwma { get; } = WithoutEjection(LoadBalancingStrategy.PeakEwma);

    /// <summary>
    /// Those of the product, and models of what the peers do: the same rule with what a peer's client knows, which is its own
    /// calls. The models show the rule, not the peer's code.
    /// </summary>
    public static IReadOnlyList<Strategy> All { get; } =
    [
        .. Enum.GetValues<LoadBalancingStrategy>().Select(WithoutEjection),
        LeastConnectionsWithEjection,
        WithEjection(LoadBalancingStrategy.PeakEwma),
        WithEjection(LoadBalancingStrategy.RoundRobin),
        Model("model: gRPC, Envoy, YARP round robin", LoadBalancingStrategy.RoundRobin),
        Model("model: Envoy, YARP least request of two", LoadBalancingStrategy.PowerOfTwoChoices),
        Model("model: YARP least requests of all", LoadBalancingStrategy.LeastConnections),
    ];

    private static Strategy WithoutEjection(LoadBalancingStrategy strategy) => new($"{strategy}", o => Set(o, strategy, ejects: false));

    private static Strategy WithEjection(LoadBalancingStrategy strategy) => new($"{strategy} + ejection", o => Set(o, strategy, ejects: true));

    private static Strategy Model(string name, LoadBalancingStrategy rule) => new(name, o => Set(o, rule, ejects: false), HearsReports: false);

    private static void Set(WorkerRegistryOptions options, LoadBalancingStrategy strategy, bool ejects)
    {
        options.Strategy = strategy;
        options.Outliers.Enabled = ejects;
    }
}
