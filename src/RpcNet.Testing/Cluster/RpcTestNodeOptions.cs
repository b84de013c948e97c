using Microsoft.Extensions.DependencyInjection;

namespace RpcNet.Testing;

/// <summary>How a node of an <see cref="RpcTestCluster"/> differs from the application that it runs.</summary>
public sealed class RpcTestNodeOptions
{
    /// <summary>The environment's name.</summary>
    /// <value>Default "Development".</value>
    public string Environment { get; init; } = "Development";

    /// <summary>Configuration on top of the cluster's own, such as ("RpcNet:Cluster:Tags:zone", "a").</summary>
    public IDictionary<string, string?> Settings { get; init; } = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Replaces services, after the application and the cluster have registered theirs.</summary>
    public Action<IServiceCollection>? ConfigureServices { get; init; }
}
