using Nerdbank.MessagePack;
using PolyType;

namespace RpcNet.Cluster;

/// <summary>What a worker says of itself.</summary>
public enum WorkerPhase
{
    /// <summary>Takes calls.</summary>
    Ready = 0,

    /// <summary>Is not ready yet.</summary>
    Starting = 1,

    /// <summary>Finishes what it has and takes nothing new.</summary>
    Draining = 2,
}

/// <summary>A worker's load, as it tells those who send calls to it. Travels point to point, never by gossip.</summary>
[GenerateShape]
public sealed partial record LoadReport
{
    /// <summary>Grows by one with each report of one life of the worker, so that an older report never overrides a newer one.</summary>
    [Key(0)]
    public long Sequence { get; init; }

    /// <summary>Calls in progress, RpcNet's own not counted.</summary>
    [Key(1)]
    public int InFlight { get; init; }

    /// <summary>Open RPC connections, those that only watch the load included.</summary>
    [Key(2)]
    public int Connections { get; init; }

    /// <summary>How much the worker can carry compared with others; 0 when it does not say.</summary>
    [Key(3)]
    public double Capacity { get; init; }

    /// <summary>Whether it takes calls.</summary>
    [Key(4)]
    public WorkerPhase Phase { get; init; }
}
