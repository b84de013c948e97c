using Microsoft.Extensions.Diagnostics.HealthChecks;
using RpcNet.Hosting;
using RpcNet.Hosting.Configuration;
using RpcNet.Hosting.Health;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>RpcNet's health checks.</summary>
public static class RpcNetHealthChecksBuilderExtensions
{
    /// <summary>The tag of all of RpcNet's health checks.</summary>
    public const string Tag = "rpcnet";

    /// <summary>
    /// Adds what is worth checking in this process: "rpcnet-listener" (the port is open), for each further server
    /// "rpcnet-listener-&lt;name&gt;", and in a member "rpcnet-cluster" (a seed
    /// has answered; degraded without a quorum) and "rpcnet-workers" (the registry has a worker that takes calls).
    /// </summary>
    /// <remarks>Call it after AddRpcNet and AddCluster. All carry the tag "rpcnet"; for a readiness probe select by it.</remarks>
    /// <param name="builder">The builder that AddHealthChecks returned.</param>
    /// <param name="requireWorkers">Whether no worker is unhealthy rather than degraded, as in a process that only routes.</param>
    /// <returns>The builder.</returns>
    public static IHealthChecksBuilder AddRpcNet(this IHealthChecksBuilder builder, bool requireWorkers = false)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var registration = RpcNetRegistration.Find(builder.Services);
        if (registration is { HasServer: true })
        {
            builder.AddCheck<ListenerHealthCheck>("rpcnet-listener", tags: [Tag]);
        }

        foreach (var name in registration?.Servers.Keys.Order(StringComparer.Ordinal) ?? Enumerable.Empty<string>())
        {
            builder.Add(new HealthCheckRegistration(
                $"rpcnet-listener-{name}",
                p => new ListenerHealthCheck(p.GetRequiredKeyedService<IRpcNetEndpoint>(name)),
                failureStatus: null,
                tags: [Tag]));
        }

        if (registration is { HasCluster: true })
        {
            builder.AddCheck<ClusterHealthCheck>("rpcnet-cluster", tags: [Tag]);
            builder.AddCheck<WorkersHealthCheck>(
                "rpcnet-workers", failureStatus: requireWorkers ? HealthStatus.Unhealthy : HealthStatus.Degraded, tags: [Tag]);
        }

        return builder;
    }
}
