using RpcNet.Transports;

namespace RpcNet.ClusterNode;

/// <summary>Behaves like an engine whose every completion needs the thread pool.</summary>
internal sealed class PoolBoundTransport(ITransport engine) : ITransport
{
    public string Name => engine.Name;

    public ValueTask<ITransportListener> ListenAsync(TransportListenerOptions options, CancellationToken cancellationToken = default) =>
        engine.ListenAsync(options, cancellationToken);

    public ValueTask<ITransportConnection> ConnectAsync(TransportConnectOptions options, CancellationToken cancellationToken = default) =>
        engine.ConnectAsync(options, cancellationToken);
}
