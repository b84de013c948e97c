using System.Collections.Frozen;
using System.Net;

namespace RpcNet.Cluster.Swim;

/// <summary>What the state machine wants done. Called from within its inputs; must not call back into it.</summary>
internal interface ISwimEffects
{
    /// <summary>Hand the message to the network; no answer is expected, loss is normal.</summary>
    void Send(IPEndPoint to, SwimMessage message);

    /// <summary>Whether what was sent there lately may not have left this process, for reasons of its own.</summary>
    bool IsHeldUp(IPEndPoint to) => false;

    /// <summary>An event for the application.</summary>
    void Notify(in SwimEvent e);

    /// <summary>A row of the table changed in any way.</summary>
    void Changed(MemberEntry entry);

    /// <summary>Resolve the seeds and feed the result to <see cref="SwimMachine.SeedsResolved"/>.</summary>
    void ResolveSeeds();

    /// <summary>A peer refused the local node, or speaks for another cluster.</summary>
    void Refused(IPEndPoint? peer, string reason);
}

/// <summary>The kinds of <see cref="SwimEvent"/>.</summary>
internal enum SwimEventKind : byte
{
    Joined,
    Left,
    Failed,
    Suspected,
    Recovered,
    TagsChanged,
    Conflict,
    SeedAnswered,
    LeaveCompleted,
    Paused,
    PartitionDetected,
    PartitionHealed,
    LocalChanged,
}

/// <summary>An event of the state machine.</summary>
internal readonly struct SwimEvent(SwimEventKind kind)
{
    public SwimEventKind Kind { get; } = kind;

    public MemberRecord? Record { get; init; }

    public MemberState State { get; init; }

    public NodeId Accuser { get; init; }

    public double? Phi { get; init; }

    public FrozenDictionary<string, string>? PreviousTags { get; init; }

    public IPEndPoint? Address { get; init; }

    /// <summary>Conflict: the local node keeps the id. PartitionDetected: this side has the quorum. LeaveCompleted: the good-bye was confirmed.</summary>
    public bool Favourable { get; init; }

    public TimeSpan Duration { get; init; }

    /// <summary>Partition events: this side, or those that returned.</summary>
    public MemberRecord[] Near { get; init; } = [];

    /// <summary>Partition events: the other side, or those that are missing.</summary>
    public MemberRecord[] Far { get; init; } = [];
}
