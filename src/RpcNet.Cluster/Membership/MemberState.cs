namespace RpcNet.Cluster;

/// <summary>What the local node believes of a member. The numbers are those on the wire.</summary>
public enum MemberState : byte
{
    /// <summary>Answers, or has refuted every accusation.</summary>
    Alive = 0,

    /// <summary>Accused by at least one node and not refuted yet; still used, and still a member.</summary>
    Suspect = 1,

    /// <summary>Its suspicion ran out, or its monitors took it out. It comes back with a higher incarnation or generation.</summary>
    Failed = 2,

    /// <summary>It said good-bye. Final for this generation.</summary>
    Left = 3,
}
