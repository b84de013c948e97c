namespace RpcNet.Transports;

/// <summary>Why a transport operation failed. Closed: engines map every native error to one of these.</summary>
public enum TransportError
{
    /// <summary>A defect of the engine or an error that no other value describes; the message tells.</summary>
    Internal,

    /// <summary>The engine's native library cannot be loaded on this machine.</summary>
    EngineUnavailable,

    /// <summary>The UDP port is taken.</summary>
    AddressInUse,

    /// <summary>The address does not belong to this machine or may not be bound.</summary>
    AddressUnavailable,

    /// <summary>The host name does not resolve.</summary>
    HostNotFound,

    /// <summary>Nobody listens there, or the peer refused the connection.</summary>
    ConnectionRefused,

    /// <summary>The handshake did not complete in time.</summary>
    HandshakeTimeout,

    /// <summary>A certificate was missing, invalid or not trusted, on either side.</summary>
    AuthenticationFailed,

    /// <summary>The peers share no ALPN.</summary>
    ApplicationProtocolMismatch,

    /// <summary>Nothing was heard from the peer for the idle timeout: it is dead or unreachable.</summary>
    ConnectionIdle,

    /// <summary>The peer closed the connection; <see cref="TransportException.ApplicationErrorCode"/> has its code.</summary>
    ConnectionAborted,

    /// <summary>The peer reset the stream or stopped it; <see cref="TransportException.ApplicationErrorCode"/> has its code.</summary>
    StreamAborted,

    /// <summary>The peer broke the QUIC protocol.</summary>
    ProtocolViolation,

    /// <summary>This side closed, disposed or aborted the object.</summary>
    Disposed,
}

/// <summary>A transport operation failed.</summary>
public sealed class TransportException : IOException
{
    /// <summary>Creates the exception.</summary>
    public TransportException(
        TransportError error,
        string message,
        long? applicationErrorCode = null,
        Exception? innerException = null)
        : base(message, innerException)
    {
        Error = error;
        ApplicationErrorCode = applicationErrorCode;
    }

    /// <summary>What went wrong.</summary>
    public TransportError Error { get; }

    /// <summary>The peer's application error code, where <see cref="Error"/> says that there is one.</summary>
    public long? ApplicationErrorCode { get; }
}
