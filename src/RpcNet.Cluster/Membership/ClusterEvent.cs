using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Net;

namespace RpcNet.Cluster;

/// <summary>Something that the local node learned about its cluster.</summary>
/// <remarks>
/// Events come in the order in which the local view changed. For one life of a node (id and generation) the order is
/// NodeJoined, then any number of NodeSuspect, NodeRecovered and TagsChanged, then exactly one NodeFailed or NodeLeft; after
/// NodeFailed the same life may join again, after NodeLeft it may not.
/// </remarks>
/// <param name="Timestamp">When the local node learned it.</param>
public abstract record ClusterEvent(DateTimeOffset Timestamp);

/// <summary>An event about one member.</summary>
/// <param name="Timestamp">When the local node learned it.</param>
/// <param name="Member">The member as it is after the event.</param>
public abstract record MemberEvent(DateTimeOffset Timestamp, ClusterMember Member) : ClusterEvent(Timestamp);

/// <summary>
/// The whole view: always the first event of a subscription, and again right after <see cref="EventsDropped"/>. All later
/// events are changes to it.
/// </summary>
/// <param name="Timestamp">When the snapshot was taken.</param>
/// <param name="Members">The members, the local one included, in order of id.</param>
public sealed record ClusterSnapshot(DateTimeOffset Timestamp, ImmutableArray<ClusterMember> Members)
    : ClusterEvent(Timestamp);

/// <summary>
/// The subscriber read too slowly and its buffer overflowed. What was dropped cannot be had again; the
/// <see cref="ClusterSnapshot"/> that follows tells the state.
/// </summary>
/// <param name="Timestamp">When the subscriber was told.</param>
/// <param name="Count">How many events were dropped.</param>
public sealed record EventsDropped(DateTimeOffset Timestamp, long Count) : ClusterEvent(Timestamp);

/// <summary>A node is now a member: new, restarted (a higher generation), or back after it had failed.</summary>
/// <param name="Timestamp">When the local node learned it.</param>
/// <param name="Member">The member.</param>
public sealed record NodeJoined(DateTimeOffset Timestamp, ClusterMember Member) : MemberEvent(Timestamp, Member);

/// <summary>A member left of its own will.</summary>
/// <param name="Timestamp">When the local node learned it.</param>
/// <param name="Member">The member.</param>
public sealed record NodeLeft(DateTimeOffset Timestamp, ClusterMember Member) : MemberEvent(Timestamp, Member);

/// <summary>A member is dead or unreachable: its suspicion ran out, its monitors took it out, or it restarted.</summary>
/// <param name="Timestamp">When the local node learned it.</param>
/// <param name="Member">The member.</param>
public sealed record NodeFailed(DateTimeOffset Timestamp, ClusterMember Member) : MemberEvent(Timestamp, Member);

/// <summary>A member is accused of being dead and has some seconds to refute it.</summary>
/// <param name="Timestamp">When the local node learned it.</param>
/// <param name="Member">The member.</param>
/// <param name="Accuser">The node that raised the accusation.</param>
/// <param name="Phi">The local φ at that moment, or null when the local node does not monitor the member.</param>
public sealed record NodeSuspect(DateTimeOffset Timestamp, ClusterMember Member, NodeId Accuser, double? Phi)
    : MemberEvent(Timestamp, Member);

/// <summary>A suspect refuted the accusation.</summary>
/// <param name="Timestamp">When the local node learned it.</param>
/// <param name="Member">The member.</param>
public sealed record NodeRecovered(DateTimeOffset Timestamp, ClusterMember Member) : MemberEvent(Timestamp, Member);

/// <summary>A member published new tags.</summary>
/// <param name="Timestamp">When the local node learned it.</param>
/// <param name="Member">The member with its new tags.</param>
/// <param name="PreviousTags">The tags before.</param>
public sealed record TagsChanged(
    DateTimeOffset Timestamp,
    ClusterMember Member,
    FrozenDictionary<string, string> PreviousTags) : MemberEvent(Timestamp, Member);

/// <summary>Two running processes use the same node id. The one with the lower generation stops taking part.</summary>
/// <param name="Timestamp">When the local node learned it.</param>
/// <param name="Member">The local member.</param>
/// <param name="OtherAddress">Where the other process serves.</param>
/// <param name="LocalWins">Whether the local process keeps the id.</param>
public sealed record NodeIdConflict(DateTimeOffset Timestamp, ClusterMember Member, IPEndPoint OtherAddress, bool LocalWins)
    : MemberEvent(Timestamp, Member);

/// <summary>A large part of the last stable view became unreachable at about the same time.</summary>
/// <param name="Timestamp">When the local node concluded it.</param>
/// <param name="Reachable">This side, the local node included.</param>
/// <param name="Unreachable">The other side, as far as one can tell: nodes that crashed together look the same.</param>
/// <param name="HasQuorum">Whether this side may go on by the configured rule.</param>
public sealed record PartitionDetected(
    DateTimeOffset Timestamp,
    ImmutableArray<ClusterMember> Reachable,
    ImmutableArray<ClusterMember> Unreachable,
    bool HasQuorum) : ClusterEvent(Timestamp);

/// <summary>Members of the other side of a partition are back and the view has been stable for a while.</summary>
/// <param name="Timestamp">When the local node concluded it.</param>
/// <param name="Returned">The members that came back.</param>
/// <param name="Missing">Members of the other side that did not come back; they count as failed.</param>
public sealed record PartitionHealed(
    DateTimeOffset Timestamp,
    ImmutableArray<ClusterMember> Returned,
    ImmutableArray<ClusterMember> Missing) : ClusterEvent(Timestamp);
