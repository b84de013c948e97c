namespace RpcNet.Cluster.Tests.Client;

[RpcService("tests.Work")]
public interface IWork
{
    /// <summary>Answers with the worker's name once the worker lets it.</summary>
    [RpcMethod(Idempotent = true)]
    ValueTask<string> ReadAsync(int value, CancellationToken cancellationToken = default);

    ValueTask<string> WriteAsync(int value, CancellationToken cancellationToken = default);

    [RpcMethod(Idempotent = true)]
    IAsyncEnumerable<string> StreamAsync(int count, CancellationToken cancellationToken = default);

    ValueTask<string> UploadAsync(IAsyncEnumerable<int> values, CancellationToken cancellationToken = default);
}
