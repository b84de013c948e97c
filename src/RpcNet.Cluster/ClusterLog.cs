using System.Net;
using Microsoft.Extensions.Logging;

namespace RpcNet.Cluster;

/// <summary>Event ids 3000 to 3999; an id is never reused.</summary>
internal static partial class ClusterLog
{
    [LoggerMessage(3000, LogLevel.Information, "Node {NodeId} (generation {Generation}) takes part in cluster '{Cluster}' as {Address}")]
    public static partial void Started(ILogger logger, NodeId nodeId, ulong generation, string cluster, IPEndPoint address);

    [LoggerMessage(3001, LogLevel.Information, "Node {Name} joined at {Address}")]
    public static partial void Joined(ILogger logger, string name, IPEndPoint address);

    [LoggerMessage(3002, LogLevel.Information, "Node {Name} left")]
    public static partial void Left(ILogger logger, string name);

    [LoggerMessage(3003, LogLevel.Information, "Node {Name} failed")]
    public static partial void Failed(ILogger logger, string name);

    [LoggerMessage(3004, LogLevel.Information, "Node {Name} is suspected by {Accuser} (phi {Phi})")]
    public static partial void Suspected(ILogger logger, string name, NodeId accuser, double? phi);

    [LoggerMessage(3005, LogLevel.Information, "Node {Name} recovered")]
    public static partial void Recovered(ILogger logger, string name);

    [LoggerMessage(3006, LogLevel.Debug, "Node {Name} has new tags")]
    public static partial void TagsChanged(ILogger logger, string name);

    [LoggerMessage(3007, LogLevel.Error, "Node id '{NodeId}' is also used by a process at {OtherAddress}; {Consequence}. Give each node its own RpcNet:Cluster:NodeId")]
    public static partial void Conflict(ILogger logger, NodeId nodeId, IPEndPoint? otherAddress, string consequence);

    [LoggerMessage(3008, LogLevel.Warning, "None of the seeds answers ({Seeds}); the node keeps running and keeps trying. Check RpcNet:Cluster:Seeds and that a seed is up")]
    public static partial void SeedsSilent(ILogger logger, string seeds);

    [LoggerMessage(3009, LogLevel.Warning, "The seed '{Seed}' of RpcNet:Cluster:Seeds cannot be resolved: {Reason}")]
    public static partial void SeedUnresolved(ILogger logger, string seed, string reason);

    [LoggerMessage(3010, LogLevel.Information, "A seed answered: the node has joined the cluster")]
    public static partial void SeedAnswered(ILogger logger);

    [LoggerMessage(3011, LogLevel.Warning, "{Peer} refused this node or was refused: {Reason}")]
    public static partial void Refused(ILogger logger, EndPoint? peer, string reason);

    [LoggerMessage(3012, LogLevel.Warning, "This process stood still for {Duration}; nobody is accused for it")]
    public static partial void Paused(ILogger logger, TimeSpan duration);

    [LoggerMessage(3013, LogLevel.Warning, "Partition: {Near} nodes on this side, {Far} unreachable; this side {Consequence}")]
    public static partial void Partitioned(ILogger logger, int near, int far, string consequence);

    [LoggerMessage(3014, LogLevel.Information, "Partition healed: {Returned} nodes are back, {Missing} are not")]
    public static partial void Healed(ILogger logger, int returned, int missing);

    [LoggerMessage(3015, LogLevel.Warning, "Dropped {Count} malformed gossip messages so far, the last from {Peer}: {Reason}")]
    public static partial void Malformed(ILogger logger, long count, IPEndPoint peer, string reason);

    [LoggerMessage(3016, LogLevel.Warning, "Dropped {Count} received gossip messages so far because {Limit} wait already (RpcNet:Cluster:Connections:ReceiveQueueLength)")]
    public static partial void Overloaded(ILogger logger, long count, int limit);

    [LoggerMessage(3017, LogLevel.Debug, "No gossip connection to {Peer}: {Reason}")]
    public static partial void DialFailed(ILogger logger, IPEndPoint peer, string reason);

    [LoggerMessage(3018, LogLevel.Debug, "Gossip connection to {Peer} is gone: {Reason}")]
    public static partial void ConnectionLost(ILogger logger, IPEndPoint peer, string reason);

    [LoggerMessage(3019, LogLevel.Debug, "Gossip stream from {Peer} failed: {Reason}")]
    public static partial void StreamFailed(ILogger logger, IPEndPoint peer, string reason);

    [LoggerMessage(3020, LogLevel.Information, "Left cluster '{Cluster}'")]
    public static partial void LeftCluster(ILogger logger, string cluster);

    [LoggerMessage(3021, LogLevel.Critical, "The membership loop failed; this node takes no more part in the cluster")]
    public static partial void LoopFailed(ILogger logger, Exception exception);

    [LoggerMessage(3022, LogLevel.Warning, "The good-bye was not confirmed by enough members within RpcNet:Cluster:LeaveTimeout; they may see this node fail")]
    public static partial void LeaveTimedOut(ILogger logger);

    [LoggerMessage(3023, LogLevel.Warning, "Gossip to {Peer} failed for a reason of this process's own; it is tried again")]
    public static partial void SendFailed(ILogger logger, IPEndPoint peer, Exception exception);

    [LoggerMessage(3024, LogLevel.Error, "What {Peer} sends cannot be taken in for a reason of this process's own; the connection is given up")]
    public static partial void ReceiveFailed(ILogger logger, IPEndPoint peer, Exception exception);
}
