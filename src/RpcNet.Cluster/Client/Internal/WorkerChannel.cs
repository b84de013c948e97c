using RpcNet.Client;

namespace RpcNet.Cluster.Client;

/// <summary>What the pool keeps for one worker.</summary>
internal abstract class WorkerChannel : IAsyncDisposable
{
    public abstract RpcInvoker Invoker { get; }

    /// <exception cref="RpcFaultException">Unavailable.</exception>
    public abstract ValueTask ConnectAsync(CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();
}

internal sealed class RpcWorkerChannel(RpcChannel channel) : WorkerChannel
{
    public override RpcInvoker Invoker => channel;

    public override ValueTask ConnectAsync(CancellationToken cancellationToken) =>
        channel.ConnectAsync(waitForReady: false, cancellationToken);

    public override ValueTask DisposeAsync() => channel.DisposeAsync();
}
