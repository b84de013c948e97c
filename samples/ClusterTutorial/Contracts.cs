using PolyType;
using RpcNet;

namespace ClusterTutorial;

/// <summary>What a worker does.</summary>
[RpcService("tutorial.v1.Compute")]
public interface ICompute
{
    /// <summary>Processes one task. A task sent twice is processed once: workers remember the ids that they have done.</summary>
    [RpcMethod(Idempotent = true)]
    ValueTask<ComputeResult> ProcessTaskAsync(string taskId, byte[] data, CancellationToken cancellationToken = default);
}

/// <summary>What the director does.</summary>
[RpcService("tutorial.v1.Director")]
public interface IDirector
{
    /// <summary>Assigns a worker.</summary>
    /// <param name="failedWorker">The address of the worker that just failed the caller, so that it is not given again.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    [RpcMethod(Idempotent = true)]
    ValueTask<WorkerAssignment> GetWorkerAsync(string? failedWorker, CancellationToken cancellationToken = default);
}

/// <summary>A processed task.</summary>
[GenerateShape]
public sealed partial record ComputeResult(string TaskId, byte[] Result, string WorkerLabel);

/// <summary>A worker to call.</summary>
[GenerateShape]
public sealed partial record WorkerAssignment(string Label, string Address);
