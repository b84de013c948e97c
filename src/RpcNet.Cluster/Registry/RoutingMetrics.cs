using System.Diagnostics.Metrics;

namespace RpcNet.Cluster;

/// <summary>The meter "RpcNet.Cluster.Routing". Adding costs a comparison while nobody listens.</summary>
internal static class RoutingMetrics
{
    private static readonly Meter Meter = new("RpcNet.Cluster.Routing");

    public static Counter<long> Selections { get; } = Meter.CreateCounter<long>(
        "rpcnet.worker.selections", "{call}", "Calls for which a worker was selected, by the worker's label (rpcnet.worker).");

    public static Counter<long> Ejections { get; } = Meter.CreateCounter<long>(
        "rpcnet.worker.ejections", "{ejection}", "Workers taken out because their calls failed or took too long.");

    public static Counter<long> Shed { get; } = Meter.CreateCounter<long>(
        "rpcnet.client.shed", "{call}", "Calls refused at once because every worker had as many as it may.");

    public static Counter<long> Failovers { get; } = Meter.CreateCounter<long>(
        "rpcnet.client.failovers", "{call}", "Calls that went on to another worker because the first one was not reached; they load nobody twice.");

    public static Counter<long> Retries { get; } = Meter.CreateCounter<long>(
        "rpcnet.client.retries", "{call}", "Calls sent again, to another worker.");

    public static Counter<long> Hedges { get; } = Meter.CreateCounter<long>(
        "rpcnet.client.hedges", "{call}", "Calls sent to a second worker while the first one had not answered.");

    public static Counter<long> RetriesRefused { get; } = Meter.CreateCounter<long>(
        "rpcnet.client.retries_refused", "{call}", "Retries and hedges that the budget did not allow.");
}
