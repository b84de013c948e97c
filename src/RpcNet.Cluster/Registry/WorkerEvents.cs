namespace RpcNet.Cluster;

/// <summary>A worker came, went, or changed its state.</summary>
/// <param name="Worker">The worker.</param>
/// <param name="State">Its state after the change.</param>
/// <param name="Reason">Why, for people; null where the state says it all.</param>
public readonly record struct WorkerChange(Worker Worker, WorkerState State, string? Reason);
