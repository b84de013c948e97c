namespace RpcNet.Cluster.Registry;

/// <summary>How a worker tells its load: a stream that starts with the present report and has the next one after each change.</summary>
[RpcService("rpcnet.Load")]
internal interface ILoadService
{
    /// <summary>Streams the load until the caller leaves or the worker drains.</summary>
    [RpcMethod(Idempotent = true)]
    IAsyncEnumerable<LoadReport> WatchAsync(CancellationToken cancellationToken = default);
}
