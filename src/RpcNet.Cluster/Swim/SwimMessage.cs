using System.Net;

namespace RpcNet.Cluster.Swim;

/// <summary>The kinds of messages. The numbers are those on the wire.</summary>
internal enum MessageKind : byte
{
    /// <summary>"Do you, Target, hear me?" Answered by Ack, or by Mismatch when somebody else lives there.</summary>
    Ping = 1,

    /// <summary>Answers a Ping; a helper passes it on under the asker's sequence number.</summary>
    Ack = 2,

    /// <summary>"Ping Target at TargetAddress for me."</summary>
    PingRequest = 3,

    /// <summary>A helper's "no answer so far"; shows the asker that its own network works.</summary>
    Nack = 4,

    /// <summary>"Another process lives at this address"; carries that process's record.</summary>
    Mismatch = 5,

    /// <summary>News only.</summary>
    Gossip = 6,

    /// <summary>For the accrual detector; fixed cadence, no news.</summary>
    Heartbeat = 7,

    /// <summary>A newcomer's record and cluster name; answered by JoinReply or Reject.</summary>
    Join = 8,

    /// <summary>The table, in one or more messages.</summary>
    JoinReply = 9,

    /// <summary>The join is refused; Text says why.</summary>
    Reject = 10,

    /// <summary>The hash of the sender's table; answered by SyncBuckets when the receiver's differs.</summary>
    SyncDigest = 11,

    /// <summary>The hashes of parts of the table.</summary>
    SyncBuckets = 12,

    /// <summary>The rows of the parts that differ, and the parts wanted in return.</summary>
    SyncRows = 13,

    /// <summary>"You bear my node id."</summary>
    Conflict = 14,

    /// <summary>A monitor's complaint about Target to the other monitors: too few of its heartbeats arrive.</summary>
    Complaint = 15,
}

/// <summary>A message of the gossip protocol. Not changed after it is sent, so that receivers may share it.</summary>
internal sealed class SwimMessage
{
    public static readonly MemberUpdate[] NoUpdates = [];

    public required MessageKind Kind { get; init; }

    /// <summary>The hash of the sender's cluster name.</summary>
    public required uint Cluster { get; init; }

    public required NodeIdentity From { get; init; }

    /// <summary>Where the sender takes answers; only on messages that are answered.</summary>
    public IPEndPoint? ReplyTo { get; init; }

    public uint Sequence { get; init; }

    public NodeIdentity Target { get; init; }

    public IPEndPoint? TargetAddress { get; init; }

    /// <summary>SyncDigest: the hash of the table; SyncBuckets: the hashes of its parts.</summary>
    public ulong[] Hashes { get; init; } = [];

    /// <summary>SyncRows: how many parts the table was split into.</summary>
    public int BucketCount { get; init; }

    /// <summary>SyncRows: the parts wanted in return, empty for none.</summary>
    public int[] Wanted { get; init; } = [];

    /// <summary>Join: the cluster's name; Reject: the reason.</summary>
    public string Text { get; init; } = string.Empty;

    public MemberUpdate[] Updates { get; init; } = NoUpdates;

    public override string ToString() => $"{Kind} #{Sequence} from {From} [{string.Join(", ", (object[])Updates)}]";
}
