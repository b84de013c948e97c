namespace RpcNet.FailoverBench;

/// <summary>What the workers do. Every handler enters its call in the worker's ledger before it begins.</summary>
[RpcService("failover.v1.Work")]
public interface IWork
{
    /// <summary>Harmless when done twice.</summary>
    [RpcMethod(Idempotent = true)]
    ValueTask<string> ReadAsync(long id, CancellationToken cancellationToken = default);

    /// <summary>Must not be done twice.</summary>
    ValueTask<string> WriteAsync(long id, CancellationToken cancellationToken = default);

    /// <summary>Gives the numbers from 0 up, one every 50 ms.</summary>
    [RpcMethod(Idempotent = true)]
    IAsyncEnumerable<int> CountAsync(long id, int items, CancellationToken cancellationToken = default);

    /// <summary>Adds up.</summary>
    ValueTask<long> SumAsync(long id, IAsyncEnumerable<int> values, CancellationToken cancellationToken = default);
}
