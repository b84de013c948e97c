using System.Diagnostics.Metrics;

namespace RpcNet.Hosting.Tests.Telemetry;

/// <summary>One instrument as users know it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Kind">Histogram, Counter, UpDownCounter or Gauge.</param>
/// <param name="Unit">UCUM.</param>
/// <param name="Attributes">What every measurement has.</param>
internal sealed record InstrumentSpec(string Name, string Kind, string Unit, params string[] Attributes)
{
    /// <summary>Attributes that some measurements have.</summary>
    public string[] Optional { get; init; } = [];

    /// <summary>The names under which Prometheus has it, by OpenTelemetry's rules for the translation.</summary>
    public IEnumerable<string> PrometheusNames
    {
        get
        {
            var suffix = (Unit, Kind) switch
            {
                ("s", _) => "seconds",
                ("By", _) => "bytes",
                ("1", "Gauge") => "ratio",
                _ => null,
            };
            var name = Name.Replace('.', '_');
            name = suffix is null || name.Split('_').Contains(suffix) ? name : $"{name}_{suffix}";
            return Kind switch
            {
                "Histogram" => [$"{name}_bucket", $"{name}_count", $"{name}_sum"],
                "Counter" => [$"{name}_total"],
                _ => [name],
            };
        }
    }
}

/// <summary>All metrics of RpcNet. The names are a contract: dashboards and alerts refer to them.</summary>
internal static class Instruments
{
    private static readonly string[] Call = ["rpc.system.name", "rpc.method", "rpc.response.status_code"];

    public static InstrumentSpec[] All { get; } =
    [
        new("rpc.client.call.duration", "Histogram", "s", [.. Call, "server.address", "server.port"]) { Optional = ["error.type"] },
        new("rpc.server.call.duration", "Histogram", "s", Call) { Optional = ["error.type"] },
        new("rpcnet.client.connections", "UpDownCounter", "{connection}"),
        new("rpcnet.client.calls", "UpDownCounter", "{call}"),
        new("rpcnet.client.lanes", "UpDownCounter", "{lane}"),
        new("rpcnet.client.lane.queue.size", "UpDownCounter", "By"),
        new("rpcnet.client.late_frames", "Counter", "{frame}"),
        new("rpcnet.server.connections", "UpDownCounter", "{connection}"),
        new("rpcnet.server.calls", "UpDownCounter", "{call}"),
        new("rpcnet.server.lanes", "UpDownCounter", "{lane}"),
        new("rpcnet.server.lane.queue.size", "UpDownCounter", "By"),
        new("rpcnet.server.refused_calls", "Counter", "{call}", "rpc.response.status_code"),
        new("rpcnet.server.early_calls", "Counter", "{call}", "rpcnet.early_call.outcome"),
        new("rpcnet.compression.savings", "Counter", "By"),
        new("rpcnet.cluster.members", "UpDownCounter", "{member}", "rpcnet.node", "rpcnet.state"),
        new("rpcnet.cluster.phi", "Gauge", "1", "rpcnet.node", "rpcnet.peer"),
        new("rpcnet.cluster.quorum", "Gauge", "1", "rpcnet.node"),
        new("rpcnet.cluster.local_health", "Gauge", "1", "rpcnet.node"),
        new("rpcnet.cluster.probes", "Counter", "{probe}", "rpcnet.node"),
        new("rpcnet.cluster.failed_probes", "Counter", "{probe}", "rpcnet.node"),
        new("rpcnet.cluster.suspicions", "Counter", "{suspicion}", "rpcnet.node"),
        new("rpcnet.cluster.phi_suspicions", "Counter", "{suspicion}", "rpcnet.node"),
        new("rpcnet.cluster.refutations", "Counter", "{refutation}", "rpcnet.node"),
        new("rpcnet.cluster.failures", "Counter", "{member}", "rpcnet.node"),
        new("rpcnet.cluster.quarantines", "Counter", "{member}", "rpcnet.node"),
        new("rpcnet.cluster.pauses", "Counter", "{pause}", "rpcnet.node"),
        new("rpcnet.cluster.messages.sent", "Counter", "{message}", "rpcnet.node"),
        new("rpcnet.cluster.messages.received", "Counter", "{message}", "rpcnet.node"),
        new("rpcnet.cluster.messages.dropped", "Counter", "{message}", "rpcnet.node"),
        new("rpcnet.cluster.messages.malformed", "Counter", "{message}", "rpcnet.node"),
        new("rpcnet.cluster.bytes.sent", "Counter", "By", "rpcnet.node"),
        new("rpcnet.worker.selections", "Counter", "{call}", "rpcnet.worker"),
        new("rpcnet.worker.ejections", "Counter", "{ejection}"),
        new("rpcnet.client.shed", "Counter", "{call}"),
        new("rpcnet.client.retries", "Counter", "{call}"),
        new("rpcnet.client.failovers", "Counter", "{call}"),
        new("rpcnet.client.hedges", "Counter", "{call}"),
        new("rpcnet.client.retries_refused", "Counter", "{call}"),
    ];

    public static string KindOf(Instrument instrument) => instrument.GetType().Name.Split('`')[0].Replace("Observable", "", StringComparison.Ordinal);
}
