using System.Net.Security;
using RpcNet.Transports;

namespace RpcNet.Server;

/// <summary>Serves the connections of one ALPN.</summary>
public interface IConnectionHandler
{
    /// <summary>The ALPN served.</summary>
    SslApplicationProtocol ApplicationProtocol { get; }

    /// <summary>
    /// Whether it may be handed connections before their handshake is complete
    /// (<see cref="TransportListenerOptions.EarlyDataProtocols"/>), and heeds <see cref="ITransportConnection.HandshakeCompleted"/>.
    /// Asked when the listener starts.
    /// </summary>
    bool AcceptsEarlyData => false;

    /// <summary>
    /// Serves a connection until it ends or the token is cancelled. The listener disposes the connection afterwards. A
    /// connection's failure is not an exception of this method.
    /// </summary>
    Task HandleConnectionAsync(ITransportConnection connection, CancellationToken cancellationToken);
}
