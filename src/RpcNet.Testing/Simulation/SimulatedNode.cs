using System.Collections.Frozen;
using System.Net;
using RpcNet.Cluster;
using RpcNet.Cluster.Swim;

namespace RpcNet.Testing.Simulation;

/// <summary>One simulated process: a state machine, and what the network and the machine do to it.</summary>
public sealed class SimulatedNode
{
    private readonly ClusterSimulation _simulation;

    internal SimulatedNode(ClusterSimulation simulation, int index, NodeId id, IPEndPoint address)
    {
        _simulation = simulation;
        Index = index;
        Id = id;
        Address = address;
        Effects = new EffectSink(simulation, this);
    }

    /// <summary>The place among the simulation's nodes.</summary>
    public int Index { get; }

    /// <summary>The node's id.</summary>
    public NodeId Id { get; }

    /// <summary>Where it is reached.</summary>
    public IPEndPoint Address { get; }

    /// <summary>Whether the process exists.</summary>
    public bool IsRunning { get; internal set; }

    /// <summary>Whether the process ended after a leave.</summary>
    public bool HasLeft { get; internal set; }

    /// <summary>Until when the process stands still.</summary>
    public TimeSpan PausedUntil { get; internal set; }

    /// <summary>Every input is handled up to this much late, as on an overloaded machine.</summary>
    public TimeSpan Slowness { get; set; }

    /// <summary>The share of its outgoing messages that is lost besides the network's own losses.</summary>
    public double EgressLoss { get; set; }

    /// <summary>The share of its incoming messages that is lost besides the network's own losses.</summary>
    public double IngressLoss { get; set; }

    /// <summary>Nodes of different groups do not reach each other.</summary>
    public int Group { get; set; }

    /// <summary>How many lives the node has begun.</summary>
    public int Starts { get; internal set; }

    /// <summary>Bytes of messages sent.</summary>
    public long SentBytes { get; internal set; }

    /// <summary>Messages sent.</summary>
    public long SentMessages { get; internal set; }

    /// <summary>Counts what connections the sends would need; null counts nothing.</summary>
    internal ConnectionModel? Connections { get; set; }

    /// <summary>Members that the node believes alive or suspect, itself included.</summary>
    public int ViewSize => Machine.LiveCount;

    internal SwimMachine Machine { get; set; } = null!;

    internal EffectSink Effects { get; }

    internal TimeSpan WakeAt { get; set; } = TimeSpan.MaxValue;

    internal long BytesThisSecond { get; set; }

    /// <summary>Publishes new tags.</summary>
    public void SetTags(IReadOnlyDictionary<string, string> tags) =>
        _simulation.Step(this, m => m.SetTags(_simulation.Now, tags.ToFrozenDictionary(StringComparer.Ordinal)));

    /// <inheritdoc/>
    public override string ToString() => Id.Value;
}
