using Microsoft.Extensions.Diagnostics.HealthChecks;
using RpcNet.Cluster;

namespace RpcNet.Hosting.Health;

/// <summary>There is a worker that takes calls.</summary>
internal sealed class WorkersHealthCheck(WorkerRegistry registry) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var workers = registry.Workers;
        var ready = workers.Count(static w => w.State == WorkerState.Ready);
        return Task.FromResult(ready > 0
            ? HealthCheckResult.Healthy($"{ready} of {workers.Length} workers take calls")
            : new HealthCheckResult(context.Registration.FailureStatus, $"none of {workers.Length} workers takes calls"));
    }
}
