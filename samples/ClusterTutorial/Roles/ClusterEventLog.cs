using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Cluster;

namespace ClusterTutorial.Roles;

/// <summary>Tells what happens in the cluster, event by event.</summary>
internal sealed class ClusterEventLog(IClusterMembership cluster, ILogger<ClusterEventLog> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var change in cluster.SubscribeAsync(stoppingToken))
        {
            switch (change)
            {
                case NodeJoined joined:
                    logger.LogInformation("Node {Name} joined at {Address}", joined.Member.Name, joined.Member.Address);
                    break;
                case NodeLeft left:
                    logger.LogInformation("Node {Name} left", left.Member.Name);
                    break;
                case NodeFailed failed:
                    logger.LogWarning("Node {Name} failed", failed.Member.Name);
                    break;
                case NodeSuspect suspect:
                    logger.LogWarning("Node {Name} is suspect", suspect.Member.Name);
                    break;
                case NodeRecovered recovered:
                    logger.LogInformation("Node {Name} recovered", recovered.Member.Name);
                    break;
            }
        }
    }
}
