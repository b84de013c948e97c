using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using RpcNet.Cluster.Swim;

namespace RpcNet.Cluster;

/// <summary>
/// The meter "RpcNet.Cluster": everything is read when it is collected, so that it costs nothing in between. The tag
/// "rpcnet.node" names the node that reports, "rpcnet.peer" the one that is judged.
/// </summary>
internal static class MembershipMetrics
{
    private static readonly ConcurrentDictionary<ClusterNode, byte> Nodes = new();
    private static readonly Meter Meter = new("RpcNet.Cluster");

    static MembershipMetrics()
    {
        Meter.CreateObservableGauge(
            "rpcnet.cluster.phi", static () => Nodes.Keys.SelectMany(static n => n.MeasurePhi()), "1", "Accrued suspicion of a monitored member.");
        Meter.CreateObservableUpDownCounter(
            "rpcnet.cluster.members", static () => Nodes.Keys.SelectMany(static n => n.MeasureMembers()), "{member}", "Members in the view, by state.");
        Meter.CreateObservableGauge(
            "rpcnet.cluster.local_health", static () => Each(static n => n.LocalHealth), "1", "Lifeguard's multiplier less one; 0 is healthy.");
        Meter.CreateObservableGauge(
            "rpcnet.cluster.quorum", static () => Each(static n => n.HasQuorum ? 1 : 0), "1", "1 where this side may act, 0 where it may not.");
        Count("probes", "{probe}", "Probes begun.", static s => s.ProbesStarted);
        Count("failed_probes", "{probe}", "Probes that nobody answered in time.", static s => s.ProbesFailed);
        Count("suspicions", "{suspicion}", "Suspicions that this node was the first to raise.", static s => s.SuspicionsOriginated);
        Count("phi_suspicions", "{suspicion}", "Of the accusations, those by phi.", static s => s.PhiSuspicions);
        Count("refutations", "{refutation}", "Accusations of itself that this node refuted.", static s => s.Refutations);
        Count("failures", "{member}", "Members that this node declared failed at the end of a suspicion.", static s => s.FailuresDeclared);
        Count("quarantines", "{member}", "Members that the verdict of their monitors took out.", static s => s.Quarantines);
        Count("pauses", "{pause}", "Times that this process stood still.", static s => s.Pauses);
        CountTraffic("messages.sent", "{message}", "Gossip messages sent.", static n => n.SentMessages);
        CountTraffic("messages.received", "{message}", "Gossip messages received and understood.", static n => n.ReceivedMessages);
        CountTraffic("messages.dropped", "{message}", "Gossip messages that could not be sent.", static n => n.DroppedMessages);
        CountTraffic("messages.malformed", "{message}", "Gossip messages that could not be read.", static n => n.MalformedMessages);
        CountTraffic("bytes.sent", "By", "Bytes of gossip messages sent, without QUIC's own.", static n => n.SentBytes);
    }

    public static void Add(ClusterNode node) => Nodes[node] = 0;

    public static void Remove(ClusterNode node) => Nodes.TryRemove(node, out _);

    private static void Count(string name, string unit, string description, Func<SwimStatistics, long> read) =>
        CountTraffic(name, unit, description, n => n.Statistics is { } statistics ? read(statistics) : 0);

    private static void CountTraffic(string name, string unit, string description, Func<ClusterNode, long> read) =>
        Meter.CreateObservableCounter($"rpcnet.cluster.{name}", () => Each(read), unit, description);

    private static IEnumerable<Measurement<T>> Each<T>(Func<ClusterNode, T> read)
        where T : struct =>
        Nodes.Keys.Select(n => new Measurement<T>(read(n), n.MetricTag));
}
