using System.Net;

namespace RpcNet.Cluster;

/// <summary>How a node takes part in its cluster. Configuration section <c>RpcNet:Cluster</c>.</summary>
/// <remarks>
/// The intervals and multipliers should be equal on all nodes; a cluster with mixed values works but keeps none of the
/// documented times. Read once, when the node is made.
/// </remarks>
public sealed class ClusterOptions
{
    /// <summary>The configuration section that error messages name.</summary>
    public const string SectionName = "RpcNet:Cluster";

    /// <summary>Nodes of different cluster names never exchange members.</summary>
    /// <value>1 … 64 characters; default "rpcnet".</value>
    public string ClusterName { get; set; } = "rpcnet";

    /// <summary>The node's id, unique in the cluster and the same across restarts.</summary>
    /// <value>1 … 64 printable ASCII characters; null (the default) lets the host choose one.</value>
    public string? NodeId { get; set; }

    /// <summary>The node's description of itself, seen by all members.</summary>
    /// <value>At most <see cref="MaxTagBytes"/> on the wire; default empty.</value>
    public IDictionary<string, string> Tags { get; set; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>
    /// Nodes to join through, as "host:port" ("[::1]:61000" for IPv6). Tried in order, resolved anew each time, for ever. The
    /// node's own address among them is skipped, so that all nodes may share one list.
    /// </summary>
    /// <value>Default empty: the node waits to be joined.</value>
    public IList<string> Seeds { get; set; } = [];

    /// <summary>The address under which the others reach this node.</summary>
    /// <value>"ip:port", port 0 takes the listener's; null (the default) takes the listener's address.</value>
    public string? AdvertiseAddress { get; set; }

    /// <summary>The period in which each node probes one member, taken in shuffled round-robin order.</summary>
    /// <value>50 ms … 60 s; default 500 ms.</value>
    public TimeSpan ProbeInterval { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a direct probe waits before helpers are asked.</summary>
    /// <value>10 ms … 60 s and shorter than <see cref="ProbeInterval"/>; default 200 ms.</value>
    public TimeSpan ProbeTimeout { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>How many helpers are asked to probe a member that did not answer (SWIM's k).</summary>
    /// <value>0 … 16; default 3.</value>
    public int IndirectProbes { get; set; } = 3;

    /// <summary>The tick on which news is sent to random members; silent when there is none.</summary>
    /// <value>10 ms … 60 s; default 200 ms.</value>
    public TimeSpan GossipInterval { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>To how many members each tick sends.</summary>
    /// <value>1 … 32; default 3.</value>
    public int GossipFanout { get; set; } = 3;

    /// <summary>
    /// Sets how long a suspect may refute: min = SuspicionMultiplier · max(1, log10 N) · ProbeInterval, max = 6 · min; see
    /// docs/cluster/failures.md.
    /// </summary>
    /// <value>1 … 32; default 4.</value>
    public int SuspicionMultiplier { get; set; } = 4;

    /// <summary>Each piece of news is sent RetransmitMultiplier · ceil(log10(N + 1)) times by each node.</summary>
    /// <value>1 … 32; default 4.</value>
    public int RetransmitMultiplier { get; set; } = 4;

    /// <summary>The highest value of the local health multiplier (Lifeguard's S); 0 switches it off.</summary>
    /// <value>0 … 32; default 8.</value>
    public int MaxLocalHealth { get; set; } = 8;

    /// <summary>
    /// The period in which a node compares its table with that of a random member; whatever differs is exchanged. Grows as
    /// PushPullInterval · (1 + log2(N / 32)) above 32 nodes.
    /// </summary>
    /// <value>1 s … 1 h; default 15 s.</value>
    public TimeSpan PushPullInterval { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// The period in which a node tries one random failed member, so that a healed partition is noticed. Grows as
    /// ReconnectInterval · N / 32 above 32 nodes, which together still make as many tries.
    /// </summary>
    /// <value>1 s … 1 h; default 5 s.</value>
    public TimeSpan ReconnectInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The longest pause between two rounds over the seeds. Until a first member is found the pause starts at 250 ms and doubles.
    /// </summary>
    /// <value>250 ms … 1 h; default 5 s.</value>
    public TimeSpan SeedRetryInterval { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long failed and departed members are remembered, so that old news does not revive them.</summary>
    /// <value>1 min … 30 days; default 24 h.</value>
    public TimeSpan DeadMemberRetention { get; set; } = TimeSpan.FromHours(24);

    /// <summary>The most failed and departed members that are remembered; the oldest is forgotten first.</summary>
    /// <value>16 … 1,000,000; default 4,096.</value>
    public int MaxDeadMembers { get; set; } = 4096;

    /// <summary>The most members that a node accepts; more are ignored and counted.</summary>
    /// <value>2 … 1,000,000; default 20,000.</value>
    public int MaxMembers { get; set; } = 20_000;

    /// <summary>The most bytes that a node's tags may take on the wire.</summary>
    /// <value>0 … 8,192; default 512. A node refuses larger tags of its own and of others.</value>
    public int MaxTagBytes { get; set; } = 512;

    /// <summary>The most bytes of a message that carries news along (a table exchange has a limit of its own: 64 KiB).</summary>
    /// <value>512 … 65,536 and at least MaxTagBytes + 512; default 1,400.</value>
    public int MaxMessageBytes { get; set; } = 1400;

    /// <summary>How long a leave may take before the node goes without it.</summary>
    /// <value>0 … 1 min; default 3 s.</value>
    public TimeSpan LeaveTimeout { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// A node that is woken this much too late takes itself for paused: it drops its pending verdicts and gives all suspects as
    /// much time again. <see cref="TimeSpan.Zero"/> switches the guard off.
    /// </summary>
    /// <value>0 … 1 min and not between 0 and 50 ms; default 500 ms.</value>
    public TimeSpan PauseThreshold { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How many events a subscription buffers before it drops.</summary>
    /// <value>16 … 1,000,000; default 1,024.</value>
    public int EventBufferSize { get; set; } = 1024;

    /// <summary>The accrual failure detector.</summary>
    public PhiOptions Phi { get; set; } = new();

    /// <summary>The partition detector.</summary>
    public PartitionOptions Partition { get; set; } = new();

    /// <summary>The quarantine of members that flap.</summary>
    public QuarantineOptions Quarantine { get; set; } = new();

    /// <summary>The gossip connections.</summary>
    public ClusterConnectionOptions Connections { get; set; } = new();

    /// <summary>How workers are found and chosen.</summary>
    public WorkerRegistryOptions Workers { get; set; } = new();

    /// <summary>The connections to workers.</summary>
    public WorkerChannelPoolOptions Pool { get; set; } = new();

    /// <summary>How this node, as a worker, reports its load.</summary>
    public WorkerLoadOptions Load { get; set; } = new();

    /// <summary>
    /// Checks all values, across fields too. Each complaint names the configuration key and what it accepts; none when all is well.
    /// </summary>
    public IReadOnlyList<string> Validate() => ClusterOptionsRules.Check(this);

    /// <summary>Throws when <see cref="Validate"/> has a complaint.</summary>
    /// <exception cref="ArgumentException">The message lists all complaints.</exception>
    public void ThrowIfInvalid()
    {
        var complaints = Validate();
        if (complaints.Count > 0)
        {
            throw new ArgumentException(string.Join(Environment.NewLine, complaints));
        }
    }

    /// <summary>Reads "host:port", "ip:port" or "[ipv6]:port".</summary>
    /// <returns>An <see cref="IPEndPoint"/> or a <see cref="DnsEndPoint"/>, or null when the text is neither.</returns>
    public static EndPoint? ParseEndPoint(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            return null;
        }

        var colon = text.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(text.AsSpan(colon + 1), out var port))
        {
            return null;
        }

        var host = text[..colon];
        if (host[0] == '[' && host[^1] == ']')
        {
            return IPAddress.TryParse(host.AsSpan(1, host.Length - 2), out var v6) ? new IPEndPoint(v6, port) : null;
        }

        if (host.Contains(':'))
        {
            return null;
        }

        return IPAddress.TryParse(host, out var ip)
            ? new IPEndPoint(ip, port)
            : Uri.CheckHostName(host) == UriHostNameType.Dns ? new DnsEndPoint(host, port) : null;
    }
}
