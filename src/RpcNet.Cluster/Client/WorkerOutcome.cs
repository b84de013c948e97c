using System.Diagnostics.CodeAnalysis;

namespace RpcNet.Cluster;

/// <summary>How a call to all workers went at one of them.</summary>
/// <typeparam name="T">The result.</typeparam>
public sealed class WorkerOutcome<T>
{
    internal WorkerOutcome(Worker worker, T? result, RpcFaultException? fault, TimeSpan duration)
    {
        Worker = worker;
        Result = result;
        Fault = fault;
        Duration = duration;
    }

    /// <summary>The worker.</summary>
    public Worker Worker { get; }

    /// <summary>Whether it answered.</summary>
    [MemberNotNullWhen(false, nameof(Fault))]
    public bool Succeeded => Fault is null;

    /// <summary>Its answer; the default value when it failed.</summary>
    public T? Result { get; }

    /// <summary>Why it failed; null when it answered.</summary>
    public RpcFaultException? Fault { get; }

    /// <summary>How long it took.</summary>
    public TimeSpan Duration { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{Worker.Label}: {(Succeeded ? Result : $"{Fault.Status}, {Fault.Message}")}";
}
