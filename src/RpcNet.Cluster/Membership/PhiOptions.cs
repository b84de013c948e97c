namespace RpcNet.Cluster;

/// <summary>The accrual failure detector. Configuration section <c>RpcNet:Cluster:Phi</c>.</summary>
public sealed class PhiOptions
{
    /// <summary>Whether heartbeats are sent and judged. Must be equal on all nodes.</summary>
    /// <value>Default true.</value>
    public bool Enabled { get; set; } = true;

    /// <summary>φ at which a monitor raises a suspicion; it never declares a failure by itself.</summary>
    /// <value>1 … 100; default 8 (10⁻⁸ that the heartbeat is merely late).</value>
    public double Threshold { get; set; } = 8;

    /// <summary>How many intervals between heartbeats are remembered for the mean and the deviation.</summary>
    /// <value>10 … 10,000; default 100.</value>
    public int WindowSize { get; set; } = 100;

    /// <summary>The least standard deviation assumed, so that a very regular peer is not accused for one late heartbeat.</summary>
    /// <value>1 ms … 1 min; default 100 ms.</value>
    public TimeSpan MinStandardDeviation { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Added to the mean: how long a heartbeat may be missing (lost messages, a collection) before φ rises.</summary>
    /// <value>0 … 10 min; default 3 s.</value>
    public TimeSpan AcceptablePause { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>The cadence of the heartbeats, independent of all other traffic.</summary>
    /// <value>100 ms … 1 min; default 1 s.</value>
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>To how many members, its successors on the ring of hashed ids, a node sends its heartbeats.</summary>
    /// <value>1 … 64; default 10.</value>
    public int Monitors { get; set; } = 10;
}
