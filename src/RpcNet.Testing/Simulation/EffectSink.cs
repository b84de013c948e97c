using System.Net;
using RpcNet.Cluster.Swim;

namespace RpcNet.Testing.Simulation;

/// <summary>Carries a simulated node's effects to the simulation.</summary>
internal sealed class EffectSink(ClusterSimulation simulation, SimulatedNode node) : ISwimEffects
{
    public void Send(IPEndPoint to, SwimMessage message) => simulation.Send(node, to, message);

    public void Notify(in SwimEvent e) => simulation.Notify(node, e);

    public void Changed(MemberEntry entry) => simulation.Changed(node, entry);

    public void ResolveSeeds() => simulation.ResolveSeeds(node);

    public void Refused(IPEndPoint? peer, string reason) => simulation.Refused(node, reason);
}
