using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace RpcNet.Transports;

/// <summary>One QUIC connection: many independent byte streams under one TLS 1.3 handshake.</summary>
/// <remarks>
/// All members may be called concurrently, except that <see cref="AcceptStreamAsync"/> takes one caller at a time.
/// The owner disposes it; disposal without <see cref="CloseAsync"/> closes with
/// <see cref="TransportConnectionOptions.DefaultCloseErrorCode"/>. Streams die with their connection.
/// </remarks>
public interface ITransportConnection : IAsyncDisposable
{
    /// <summary>The negotiated ALPN.</summary>
    SslApplicationProtocol ApplicationProtocol { get; }

    /// <summary>The local address.</summary>
    IPEndPoint LocalEndPoint { get; }

    /// <summary>The peer's address at the time of the handshake, or a later one where the engine follows migration.</summary>
    IPEndPoint RemoteEndPoint { get; }

    /// <summary>
    /// The peer's verified certificate, or null when a client presented none. Owned by the connection and disposed with it.
    /// </summary>
    X509Certificate2? RemoteCertificate { get; }

    /// <summary>
    /// Completes, and never faults, when the connection is gone for whatever reason; the result says why
    /// (<see cref="TransportError.ConnectionAborted"/> with the peer's code, <see cref="TransportError.ConnectionIdle"/>,
    /// <see cref="TransportError.Disposed"/> when this side closed it, …). Continuations never run on the engine's I/O thread.
    /// </summary>
    Task<TransportException> Closed { get; }

    /// <summary>
    /// Completes when TLS is done and the peer accepted, as it has long been wherever no early data is used; faults with a
    /// <see cref="TransportException"/> when the connection ends before. Until then a listener's connection has read only
    /// early data, which may be a replay, though never a second one that this listener has taken, and a client's connection sends
    /// nothing but early data. What the server does not take is sent again after the handshake, on the same streams.
    /// </summary>
    Task HandshakeCompleted => Task.CompletedTask;

    /// <summary>Opens an outgoing stream, waiting while the peer's stream limit is reached.</summary>
    /// <remarks>The peer learns of the stream with the first bytes, FIN or reset that are sent on it.</remarks>
    ValueTask<ITransportStream> OpenStreamAsync(TransportStreamDirection direction, CancellationToken cancellationToken = default);

    /// <summary>Waits for the next stream that the peer opened.</summary>
    /// <exception cref="TransportException">The connection is gone; the error says why.</exception>
    ValueTask<ITransportStream> AcceptStreamAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Closes the connection at once with an application error code (0 … 2^62−1). All streams end; unsent data is
    /// dropped. Idempotent: the first code counts. The peer sees <see cref="TransportError.ConnectionAborted"/>, this side
    /// <see cref="TransportError.Disposed"/>. Does not wait for a peer that is silent.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The code is not within 0 … 2^62−1.</exception>
    ValueTask CloseAsync(long errorCode, CancellationToken cancellationToken = default);
}

/// <summary>Which way a stream carries bytes.</summary>
public enum TransportStreamDirection
{
    /// <summary>Both sides write.</summary>
    Bidirectional,

    /// <summary>Only the side that opened it writes.</summary>
    Unidirectional,
}
