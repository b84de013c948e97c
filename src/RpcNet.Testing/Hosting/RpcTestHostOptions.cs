using Microsoft.Extensions.DependencyInjection;
using RpcNet.Testing.InMemory;

namespace RpcNet.Testing;

/// <summary>How an <see cref="RpcTestHost"/> differs from the application that it runs.</summary>
public sealed class RpcTestHostOptions
{
    /// <summary>The network that the host is on; null makes one of its own. Hosts that share one can call each other.</summary>
    public InMemoryNetwork? Network { get; init; }

    /// <summary>The clock of the host, its network included; null takes the system's.</summary>
    public TimeProvider? Time { get; init; }

    /// <summary>The host's name on the network; null makes one up.</summary>
    public string? HostName { get; init; }

    /// <summary>The environment's name.</summary>
    /// <value>Default "Development".</value>
    public string Environment { get; init; } = "Development";

    /// <summary>The only configuration the host sees, such as ("RpcNet:Cluster:ClusterName", "test").</summary>
    public IDictionary<string, string?> Settings { get; init; } = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Replaces services, after the application and RpcTestHost have registered theirs.</summary>
    public Action<IServiceCollection>? ConfigureServices { get; init; }
}
