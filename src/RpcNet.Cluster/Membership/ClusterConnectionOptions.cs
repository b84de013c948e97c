namespace RpcNet.Cluster;

/// <summary>
/// The connections that gossip uses, kept apart from RPC traffic. Configuration section <c>RpcNet:Cluster:Connections</c>.
/// </summary>
public sealed class ClusterConnectionOptions
{
    /// <summary>The most connections opened from here; the least recently used is closed first.</summary>
    /// <value>4 … 65,535; default 128.</value>
    public int MaxConnections { get; set; } = 128;

    /// <summary>
    /// A connection opened from here that carried nothing for this long is closed. Above 32 members it is
    /// IdleClose · 32 / N, but not less than 3 s: the next message to a given member is then too far off to keep it.
    /// </summary>
    /// <value>1 s … 1 day; default 30 s.</value>
    public TimeSpan IdleClose { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a connect may take.</summary>
    /// <value>100 ms … 1 min; default 2 s.</value>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long one message may take to be handed to the connection; then it is dropped and counted.</summary>
    /// <value>100 ms … 1 min; default 2 s.</value>
    public TimeSpan SendTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>The first pause after a failed connect; doubled with each failure up to <see cref="MaxRedialDelay"/>.</summary>
    /// <value>10 ms … 1 min; default 100 ms.</value>
    public TimeSpan RedialDelay { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest pause after failed connects.</summary>
    /// <value>10 ms … 1 h and at least <see cref="RedialDelay"/>; default 2 s.</value>
    public TimeSpan MaxRedialDelay { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>Messages that may wait for one peer; the oldest is dropped and counted.</summary>
    /// <value>1 … 65,535; default 64.</value>
    public int SendQueueLength { get; set; } = 64;

    /// <summary>Received messages that may wait to be processed; more are dropped and counted.</summary>
    /// <value>64 … 1,000,000; default 4,096.</value>
    public int ReceiveQueueLength { get; set; } = 4096;
}
