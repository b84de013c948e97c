using System.Diagnostics.Metrics;
using RpcNet.Cluster.Swim;

namespace RpcNet.Cluster;

/// <summary>What the meter reads.</summary>
public sealed partial class ClusterNode
{
    internal KeyValuePair<string, object?> MetricTag => new("rpcnet.node", _id.Value);

    internal SwimStatistics? Statistics => _machine?.Statistics;

    internal int LocalHealth => _machine?.LocalHealth ?? 0;

    internal long DroppedMessages => _connections.Dropped;

    internal List<Measurement<double>> MeasurePhi()
    {
        var measured = new List<Measurement<double>>();
        lock (_machineLock)
        {
            if (_machine is { } machine)
            {
                var now = Now;
                foreach (var member in machine.Monitored)
                {
                    if (machine.Phi(now, member.Id) is { } phi)
                    {
                        measured.Add(new Measurement<double>(phi, MetricTag, new("rpcnet.peer", member.Id.Value)));
                    }
                }
            }
        }

        return measured;
    }

    internal IEnumerable<Measurement<int>> MeasureMembers() => Members
        .GroupBy(static m => m.State)
        .Select(g => new Measurement<int>(g.Count(), MetricTag, new("rpcnet.state", g.Key.ToString())));
}
