using Microsoft.Extensions.Hosting;
using RpcNet.Cluster;

namespace RpcNet.Hosting.Cluster;

/// <summary>Follows the workers while the host runs: the last to start, the first to stop.</summary>
internal sealed class RegistryService(Lazy<WorkerRegistry> registry) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => registry.Value.StartAsync(cancellationToken);

    public async Task StopAsync(CancellationToken cancellationToken) => await registry.Value.DisposeAsync().ConfigureAwait(false);
}
