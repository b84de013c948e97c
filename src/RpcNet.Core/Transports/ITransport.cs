using System.Net;

namespace RpcNet.Transports;

/// <summary>A QUIC engine: makes listeners and outgoing connections.</summary>
/// <remarks>
/// All members may be called concurrently. A transport holds no resources of its own that outlive its listeners and
/// connections. Every failure surfaces as a <see cref="TransportException"/> with a closed
/// <see cref="TransportError"/>; a cancelled call throws <see cref="OperationCanceledException"/> with the caller's
/// token and leaves nothing behind. Options out of their range are refused with <see cref="ArgumentException"/>
/// (<see cref="TransportConnectionOptions.Validate"/>).
/// </remarks>
public interface ITransport
{
    /// <summary>The engine's name as it appears in logs and in <c>RpcNet:Transport:Engine</c>, such as "SystemNetQuic".</summary>
    string Name { get; }

    /// <summary>
    /// Whether, on an established connection, what is awaited under a <see cref="SynchronizationContext"/> is posted to that
    /// context by the engine itself, so that accepting, opening, reading and writing streams go on however busy the thread pool is.
    /// </summary>
    bool CompletesOnCallersContext => false;

    /// <summary>
    /// Whether connections can send early data (<see cref="TransportConnectOptions.EarlyData"/>). An engine that can't refuses
    /// to connect with it (<see cref="NotSupportedException"/>).
    /// </summary>
    bool SupportsEarlyData => false;

    /// <summary>Binds a UDP socket and starts to answer handshakes.</summary>
    /// <exception cref="TransportException">
    /// <see cref="TransportError.AddressInUse"/>, <see cref="TransportError.AddressUnavailable"/> or
    /// <see cref="TransportError.EngineUnavailable"/>.
    /// </exception>
    ValueTask<ITransportListener> ListenAsync(TransportListenerOptions options, CancellationToken cancellationToken = default);

    /// <summary>Connects and completes the TLS 1.3 handshake, the server's certificate verified.</summary>
    /// <remarks>
    /// The client's handshake may be complete before the server has judged the client's certificate (RFC 8446 section
    /// 4.4.2). A rejection then ends the connection at once: its <see cref="ITransportConnection.Closed"/> says
    /// <see cref="TransportError.AuthenticationFailed"/>. The validator's reason is part of the exception's message.
    /// </remarks>
    /// <exception cref="TransportException">
    /// <see cref="TransportError.HostNotFound"/>, <see cref="TransportError.ConnectionRefused"/>,
    /// <see cref="TransportError.HandshakeTimeout"/>, <see cref="TransportError.AuthenticationFailed"/>,
    /// <see cref="TransportError.ApplicationProtocolMismatch"/> or <see cref="TransportError.EngineUnavailable"/>.
    /// </exception>
    ValueTask<ITransportConnection> ConnectAsync(TransportConnectOptions options, CancellationToken cancellationToken = default);
}

/// <summary>A bound UDP endpoint that accepts connections.</summary>
/// <remarks>
/// Disposal ends a pending accept, frees the port and closes the connections that nobody has taken yet with
/// <see cref="TransportConnectionOptions.DefaultCloseErrorCode"/>; those taken go on. It may be repeated.
/// </remarks>
public interface ITransportListener : IAsyncDisposable
{
    /// <summary>The address actually bound; the port is the real one when 0 was asked for.</summary>
    IPEndPoint LocalEndPoint { get; }

    /// <summary>
    /// Waits for the next connection whose handshake has completed. Failed handshakes are logged and counted by the
    /// engine and never surface here. One caller at a time.
    /// </summary>
    /// <exception cref="TransportException"><see cref="TransportError.Disposed"/> once the listener is disposed.</exception>
    ValueTask<ITransportConnection> AcceptAsync(CancellationToken cancellationToken = default);
}
