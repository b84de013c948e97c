using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace RpcNet.Hosting.Health;

/// <summary>The port is open.</summary>
internal sealed class ListenerHealthCheck(IRpcNetEndpoint endpoint) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(endpoint.LocalEndPoint is { } local
            ? HealthCheckResult.Healthy($"listening on {local}")
            : new HealthCheckResult(context.Registration.FailureStatus, "not listening"));
}
