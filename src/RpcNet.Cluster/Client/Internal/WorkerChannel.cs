using RpcNet.Client;

namespace RpcNet.Cluster.Client;

/// <summary>What the pool keeps for one worker.</summary>
internal abstract class WorkerChannel
{
    public abstract RpcInvoker Invoker { get; }

    /// <exception cref="RpcFaultException">Unavailable.</exception>
    public abstract ValueTask ConnectAsync(CancellationToken cancellationToken);

    /// <summary>Closes the channel for good.</summary>
    /// <param name="reason">Why, for the calls in flight and those that come too late; the end of a sentence.</param>
    public abstract ValueTask CloseAsync(string reason);
}

internal sealed class RpcWorkerChannel(RpcChannel channel) : WorkerChannel
{
    public override RpcInvoker Invoker => channel;

    public override ValueTask ConnectAsync(CancellationToken cancellationToken) =>
        channel.ConnectAsync(waitForReady: false, cancellationToken);

    public override ValueTask CloseAsync(string reason) => channel.AbortAsync(reason);
}
