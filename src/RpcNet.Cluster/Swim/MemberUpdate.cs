namespace RpcNet.Cluster.Swim;

/// <summary>One piece of news about a member: who is in which state at which incarnation. Immutable, shared by messages.</summary>
internal sealed class MemberUpdate
{
    private int _wireSize;

    private MemberUpdate(MemberState state, NodeIdentity subject, ulong incarnation, NodeId accuser, MemberRecord? record)
    {
        State = state;
        Subject = subject;
        Incarnation = incarnation;
        Accuser = accuser;
        Record = record;
    }

    public MemberState State { get; }

    public NodeIdentity Subject { get; }

    public ulong Incarnation { get; }

    /// <summary>Who accuses (Suspect, Failed); the subject itself for Left; empty for Alive.</summary>
    public NodeId Accuser { get; }

    /// <summary>Always there for Alive and in table exchanges; its incarnation may be lower than the state's.</summary>
    public MemberRecord? Record { get; }

    /// <summary>For Failed: the verdict of most of the subject's monitors, not the end of a suspicion.</summary>
    public bool IsVerdict { get; private init; }

    public int WireSize => _wireSize == 0 ? _wireSize = SwimCodec.MeasureUpdate(this) : _wireSize;

    public static MemberUpdate Alive(MemberRecord record) =>
        new(MemberState.Alive, record.Identity, record.Incarnation, default, record);

    public static MemberUpdate Accuse(MemberState state, NodeIdentity subject, ulong incarnation, NodeId accuser, bool isVerdict = false) =>
        new(state, subject, incarnation, accuser, record: null) { IsVerdict = isVerdict };

    public static MemberUpdate Left(NodeIdentity subject, ulong incarnation) =>
        new(MemberState.Left, subject, incarnation, subject.Id, record: null);

    /// <summary>A row of a table exchange.</summary>
    public static MemberUpdate Row(MemberState state, NodeIdentity subject, ulong incarnation, NodeId accuser, MemberRecord? record, bool isVerdict = false) =>
        new(state, subject, incarnation, accuser, record) { IsVerdict = isVerdict };

    public override string ToString() => $"{State} {Subject}@{Incarnation}{(Accuser.IsEmpty ? "" : $" by {Accuser}")}";
}
