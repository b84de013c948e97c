using RpcNet.Cluster;

namespace RpcNet.Testing.Simulation;

/// <summary>The kinds of <see cref="SimulationEvent"/>.</summary>
public enum SimulationEventKind
{
    /// <summary>A member joined in the observer's view.</summary>
    Joined,

    /// <summary>A member left.</summary>
    Left,

    /// <summary>A member failed.</summary>
    Failed,

    /// <summary>A member is suspected.</summary>
    Suspected,

    /// <summary>A suspect refuted.</summary>
    Recovered,

    /// <summary>A member has new tags.</summary>
    TagsChanged,

    /// <summary>Two processes share an id.</summary>
    Conflict,

    /// <summary>A seed answered the observer.</summary>
    SeedAnswered,

    /// <summary>The observer has left.</summary>
    LeaveCompleted,

    /// <summary>The observer noticed that it had stood still.</summary>
    Paused,

    /// <summary>The observer detected a partition.</summary>
    PartitionDetected,

    /// <summary>The observer saw it heal.</summary>
    PartitionHealed,

    /// <summary>The observer changed its own record.</summary>
    LocalChanged,
}

/// <summary>Something that a simulated node reported.</summary>
/// <param name="At">The virtual time.</param>
/// <param name="Kind">What.</param>
/// <param name="Observer">Who reported it.</param>
/// <param name="Subject">About whom; empty where it is about the observer.</param>
/// <param name="Generation">Which life of the subject.</param>
/// <param name="FarSide">Partition events: how many nodes the other side has.</param>
public readonly record struct SimulationEvent(
    TimeSpan At,
    SimulationEventKind Kind,
    int Observer,
    NodeId Subject,
    ulong Generation,
    int FarSide);
