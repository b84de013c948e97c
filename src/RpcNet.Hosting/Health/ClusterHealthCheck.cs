using Microsoft.Extensions.Diagnostics.HealthChecks;
using RpcNet.Cluster;
using RpcNet.Hosting.Cluster;

namespace RpcNet.Hosting.Health;

/// <summary>The node has joined, and its side of the cluster may act.</summary>
internal sealed class ClusterHealthCheck(IClusterMembership membership, ClusterStatus status) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var members = membership.Members.Length;
        return Task.FromResult(
            !status.Joined ? new HealthCheckResult(context.Registration.FailureStatus, "no seed has answered yet")
            : membership.HasQuorum ? HealthCheckResult.Healthy($"{members} members")
            : HealthCheckResult.Degraded($"{members} members, which are no quorum"));
    }
}
