namespace RpcNet.Cluster;

/// <summary>Which side of a partition may act for the cluster.</summary>
public enum QuorumRule
{
    /// <summary>
    /// The side with more than half of the last stable view; of two equal halves the one with the ordinally lowest node id.
    /// </summary>
    Majority = 0,

    /// <summary>A side with at least <see cref="PartitionOptions.StaticQuorum"/> nodes.</summary>
    Static = 1,

    /// <summary>Every side.</summary>
    None = 2,
}

/// <summary>The partition detector. Configuration section <c>RpcNet:Cluster:Partition</c>.</summary>
public sealed class PartitionOptions
{
    /// <summary>Whether partitions are detected and reported.</summary>
    /// <value>Default true.</value>
    public bool Enabled { get; set; } = true;

    /// <summary>Which side keeps <see cref="IClusterMembership.HasQuorum"/>.</summary>
    /// <value>Majority (default), Static or None.</value>
    public QuorumRule Quorum { get; set; } = QuorumRule.Majority;

    /// <summary>The number of nodes that make a quorum under <see cref="QuorumRule.Static"/>.</summary>
    /// <value>1 … 1,000,000 and at most MaxMembers; default 1.</value>
    public int StaticQuorum { get; set; } = 1;

    /// <summary>The share of the last stable view that must be unreachable at once; and never fewer than two nodes.</summary>
    /// <value>0.05 … 1; default 0.25.</value>
    public double MinUnreachableShare { get; set; } = 0.25;

    /// <summary>
    /// How long the set of unreachable nodes must have kept still before it is reported; after three times as long it is reported
    /// even if stragglers keep it moving, and again when it has grown.
    /// </summary>
    /// <value>0 … 1 min; default 3 s.</value>
    public TimeSpan SettleTime { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>A node that hears nobody at all for this long takes itself for cut off.</summary>
    /// <value>1 s … 10 min; default 6 s.</value>
    public TimeSpan IsolationTimeout { get; set; } = TimeSpan.FromSeconds(6);

    /// <summary>How long the membership must have kept still to count as the stable view that quorums refer to.</summary>
    /// <value>1 s … 1 h; default 10 s.</value>
    public TimeSpan StableViewTime { get; set; } = TimeSpan.FromSeconds(10);
}
