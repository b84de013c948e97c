using RpcNet.Cluster;
using RpcNet.Cluster.Swim;

namespace RpcNet.Testing.Simulation;

/// <summary>The kinds of <see cref="SimulationEvent"/>.</summary>
public enum SimulationEventKind
{
    /// <summary>A member joined in the observer's view.</summary>
    Joined = SwimEventKind.Joined,

    /// <summary>A member left.</summary>
    Left = SwimEventKind.Left,

    /// <summary>A member failed.</summary>
    Failed = SwimEventKind.Failed,

    /// <summary>A member is suspected.</summary>
    Suspected = SwimEventKind.Suspected,

    /// <summary>A suspect refuted.</summary>
    Recovered = SwimEventKind.Recovered,

    /// <summary>A member has new tags.</summary>
    TagsChanged = SwimEventKind.TagsChanged,

    /// <summary>Two processes share an id.</summary>
    Conflict = SwimEventKind.Conflict,

    /// <summary>A seed answered the observer.</summary>
    SeedAnswered = SwimEventKind.SeedAnswered,

    /// <summary>The observer has left.</summary>
    LeaveCompleted = SwimEventKind.LeaveCompleted,

    /// <summary>The observer noticed that it had stood still.</summary>
    Paused = SwimEventKind.Paused,

    /// <summary>The observer detected a partition.</summary>
    PartitionDetected = SwimEventKind.PartitionDetected,

    /// <summary>The observer saw it heal.</summary>
    PartitionHealed = SwimEventKind.PartitionHealed,

    /// <summary>The observer changed its own record.</summary>
    LocalChanged = SwimEventKind.LocalChanged,
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
