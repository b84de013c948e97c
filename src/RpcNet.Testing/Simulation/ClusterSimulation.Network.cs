using System.Net;
using RpcNet.Cluster.Swim;

namespace RpcNet.Testing.Simulation;

/// <summary>The network between the nodes.</summary>
public sealed partial class ClusterSimulation
{
    private readonly HashSet<(int From, int To)> _cuts = [];

    /// <summary>Cuts one direction between two nodes, or mends it.</summary>
    public void Cut(SimulatedNode from, SimulatedNode to, bool cut = true)
    {
        if (cut)
        {
            _cuts.Add((from.Index, to.Index));
        }
        else
        {
            _cuts.Remove((from.Index, to.Index));
        }
    }

    /// <summary>Mends all cuts and puts all nodes into one group.</summary>
    public void Heal()
    {
        _cuts.Clear();
        foreach (var node in _nodes)
        {
            node.Group = 0;
        }
    }

    internal void Send(SimulatedNode from, IPEndPoint to, SwimMessage message)
    {
        var size = SwimCodec.Measure(message);
        from.SentBytes += size;
        from.BytesThisSecond += size;
        from.SentMessages++;
        _checker?.Sent(from, message, size);
        _byAddress.TryGetValue(to, out var target);
        from.Connections?.Use(to, from.Address, target?.Connections, Now);
        if (target is null
            || !target.IsRunning
            || target.Group != from.Group
            || (_cuts.Count > 0 && _cuts.Contains((from.Index, target.Index)))
            || (from.EgressLoss > 0 && _random.NextDouble() < from.EgressLoss)
            || (target.IngressLoss > 0 && _random.NextDouble() < target.IngressLoss))
        {
            return;
        }

        if (Options.EncodeMessages)
        {
            message = SwimCodec.TryDecode(SwimCodec.Encode(message), Options.Cluster.MaxTagBytes, out var decoded, out var reason)
                ? decoded
                : throw new InvalidDataException($"{message} does not survive its encoding: {reason}");
        }

        var delay = Network.Delay + (Network.Jitter * _random.NextDouble());
        if (Network.Loss > 0 && _random.NextDouble() < Network.Loss)
        {
            if (_random.NextDouble() >= Network.LateShare)
            {
                return;
            }

            var (least, most) = Network.Lateness;
            delay += least + ((most - least) * _random.NextDouble());
        }

        Enqueue(HappeningKind.Deliver, Now + delay, target, message);
        if (Network.Duplication > 0 && _random.NextDouble() < Network.Duplication)
        {
            Enqueue(HappeningKind.Deliver, Now + (2 * delay), target, message);
        }
    }
}
