using RpcNet.Cluster;

namespace RpcNet.Testing.Simulation;

/// <summary>A simulated cluster.</summary>
public sealed class SimulationOptions
{
    /// <summary>How many nodes there are at first.</summary>
    /// <value>1 … 100,000; default 8.</value>
    public int Nodes { get; set; } = 8;

    /// <summary>All chance comes from it: equal seeds give equal runs.</summary>
    public int Seed { get; set; } = 1;

    /// <summary>The options of every node.</summary>
    public ClusterOptions Cluster { get; set; } = new();

    /// <summary>How many of the first nodes are seeds for all.</summary>
    /// <value>Default 2.</value>
    public int Seeds { get; set; } = 2;

    /// <summary>Whether the nodes know each other from the start instead of joining through the seeds.</summary>
    public bool ConvergedStart { get; set; }

    /// <summary>Whether the invariants are checked after every step.</summary>
    /// <value>Default true. Costs memory for every change that a node sees, and so for the square of the nodes unless they know each other from the start.</value>
    public bool CheckInvariants { get; set; } = true;

    /// <summary>Whether every message is encoded and decoded on its way, as on a real network.</summary>
    public bool EncodeMessages { get; set; }

    /// <summary>Bytes of tags at each node.</summary>
    /// <value>Default 24.</value>
    public int TagBytes { get; set; } = 24;

    /// <summary>The network at first.</summary>
    public NetworkConditions Network { get; init; } = new();
}
