namespace RpcNet.Cluster.Swim;

/// <summary>A row: the best that the local node knows of a member.</summary>
internal sealed class MemberEntry
{
    public MemberEntry(NodeId id, ulong generation, ulong incarnation, MemberState state, MemberRecord? record, TimeSpan now)
    {
        Id = id;
        Generation = generation;
        Incarnation = incarnation;
        State = state;
        Record = record;
        StateSince = now;
    }

    public NodeId Id { get; }

    public ulong Generation { get; set; }

    /// <summary>The incarnation that <see cref="State"/> refers to; the record's may be lower.</summary>
    public ulong Incarnation { get; set; }

    public MemberState State { get; set; }

    /// <summary>Null only for a dead member that was never seen alive.</summary>
    public MemberRecord? Record { get; set; }

    public TimeSpan StateSince { get; set; }

    /// <summary>The row's number in its table, the same for as long as it is there.</summary>
    public int Number { get; set; } = -1;

    public bool IsLive => State <= MemberState.Suspect;

    public NodeIdentity Identity => new(Id, Generation);
}
