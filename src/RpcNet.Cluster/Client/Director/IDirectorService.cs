using Nerdbank.MessagePack;
using PolyType;

namespace RpcNet.Cluster.Client;

/// <summary>How a director tells a process that is no member which workers there are.</summary>
[RpcService("rpcnet.Director")]
internal interface IDirectorService
{
    /// <summary>Streams the workers that fit: the present ones first, then again after each change.</summary>
    [RpcMethod(Idempotent = true)]
    IAsyncEnumerable<DirectorView> WatchAsync(DirectorRequest request, CancellationToken cancellationToken = default);

    /// <summary>Tells the director that a worker could not be reached. It is ejected once enough different clients say so.</summary>
    [RpcMethod(Idempotent = true)]
    ValueTask ReportFailureAsync(string workerId, string reason, CancellationToken cancellationToken = default);
}

/// <summary>Which workers a client wants to know.</summary>
[GenerateShape]
internal sealed partial record DirectorRequest
{
    /// <summary>A tag expression.</summary>
    [Key(0)]
    public required string Tags { get; init; }

    /// <summary>How many workers at most.</summary>
    [Key(1)]
    public int MaxWorkers { get; init; }

    /// <summary>Decides which subset a client gets when there are more: clients with different keys get different ones.</summary>
    [Key(2)]
    public required string SubsetKey { get; init; }
}

/// <summary>The workers that fit.</summary>
[GenerateShape]
internal sealed partial record DirectorView
{
    [Key(0)]
    public List<DirectorWorker> Workers { get; init; } = [];
}

/// <summary>A worker as the director knows it.</summary>
[GenerateShape]
internal sealed partial record DirectorWorker
{
    [Key(0)]
    public required string Id { get; init; }

    [Key(1)]
    public ulong Generation { get; init; }

    [Key(2)]
    public required string Address { get; init; }

    [Key(3)]
    public Dictionary<string, string> Tags { get; init; } = [];

    /// <summary>Suspected or ejected at the director.</summary>
    [Key(4)]
    public bool IsDoubtful { get; init; }

    /// <summary>Its last load report, if it has given one.</summary>
    [Key(5)]
    public LoadReport? Load { get; init; }
}
