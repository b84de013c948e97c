using System.Diagnostics.Metrics;
using RpcNet.Cluster;

namespace RpcNet.Hosting.Cluster;

/// <summary>What the local node sees of its cluster, measured when somebody collects; meter "RpcNet.Cluster".</summary>
internal sealed class MembershipMetrics : IDisposable
{
    private readonly Meter _meter = new("RpcNet.Cluster");

    public MembershipMetrics(IClusterMembership membership)
    {
        var node = new KeyValuePair<string, object?>("rpcnet.node", membership.Local.Id.Value);
        _meter.CreateObservableUpDownCounter(
            "rpcnet.cluster.members",
            () => Enum.GetValues<MemberState>().Where(static s => s is MemberState.Alive or MemberState.Suspect).Select(state => new Measurement<int>(
                membership.Members.Count(m => m.State == state), node, new("rpcnet.member.state", state == MemberState.Alive ? "alive" : "suspect"))),
            "{member}",
            "Members that the node sees, itself included.");
        _meter.CreateObservableGauge(
            "rpcnet.cluster.quorum",
            () => new Measurement<int>(membership.HasQuorum ? 1 : 0, node),
            "{quorum}",
            "1 while the node's side of the cluster may act, 0 in the minority of a partition.");
    }

    public void Dispose() => _meter.Dispose();
}
