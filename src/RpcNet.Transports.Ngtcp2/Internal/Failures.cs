using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>Maps native errors and the peer's close to the seam's closed set.</summary>
internal static class Failures
{
    /// <summary>A fresh exception of the same content: one instance thrown from several places would mix their stack traces.</summary>
    public static TransportException Copy(this TransportException reason) =>
        new(reason.Error, reason.Message, reason.ApplicationErrorCode, reason.InnerException);

    /// <summary>Refuses what does not fit into a variable-length integer.</summary>
    public static void CheckCode(long errorCode)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(errorCode);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(errorCode, (1L << 62) - 1);
    }

    public static TransportException Disposed(string what) => new(TransportError.Disposed, $"{what} was closed on this side.");

    public static TransportException FromLibrary(int error, bool established) => error switch
    {
        NgError.IdleClose when established =>
            new(TransportError.ConnectionIdle, "Nothing was heard from the peer for the idle timeout."),
        NgError.IdleClose or NgError.HandshakeTimeout =>
            new(TransportError.HandshakeTimeout, "The peer did not answer the handshake in time."),
        NgError.RecvVersionNegotiation =>
            new(TransportError.ProtocolViolation, "The peer supports no version of QUIC in common with this side."),
        NgError.CallbackFailure => new(TransportError.Internal, "A callback of the engine failed."),
        _ => new(TransportError.ProtocolViolation, $"The QUIC connection failed: {NgError.Text(error)}."),
    };

    public static TransportException FromAlert(byte alert, bool byPeer)
    {
        var who = byPeer ? "The peer refused the handshake" : "The handshake failed";
        return alert switch
        {
            QuicError.AlertNoApplicationProtocol =>
                new(TransportError.ApplicationProtocolMismatch, "The peers share no application protocol (ALPN)."),
            QuicError.AlertCertificateRequired =>
                new(TransportError.AuthenticationFailed, $"{who}: a client certificate is required (TLS alert {alert})."),
            QuicError.AlertUnrecognizedName =>
                new(TransportError.AuthenticationFailed, $"{who}: the server has no certificate for this name (TLS alert {alert})."),
            >= 42 and <= 46 or QuicError.AlertUnknownCa or QuicError.AlertAccessDenied or 113 or 114 =>
                new(TransportError.AuthenticationFailed, $"{who}: a certificate was not accepted (TLS alert {alert})."),
            QuicError.AlertHandshakeFailure or 51 =>
                new(TransportError.AuthenticationFailed, $"{who} (TLS alert {alert})."),
            _ => new(TransportError.ProtocolViolation, $"{who} (TLS alert {alert})."),
        };
    }

    /// <summary>What the peer's CONNECTION_CLOSE, or its stateless reset, means.</summary>
    public static unsafe TransportException FromPeerClose(NgConnectionCloseError* error, bool statelessReset, bool established)
    {
        if (statelessReset)
        {
            return !established
                ? new TransportException(TransportError.ConnectionRefused, "The peer gave the handshake up (stateless reset).")
                : new TransportException(
                    TransportError.ConnectionAborted, "The peer no longer knows the connection (stateless reset): it was restarted or has ended it.");
        }

        var code = error->ErrorCode;
        if (error->Type == 1)
        {
            return new TransportException(
                TransportError.ConnectionAborted, $"The peer closed the connection with code {code}.", (long)code);
        }

        return code switch
        {
            QuicError.ConnectionRefused =>
                new TransportException(TransportError.ConnectionRefused, "The peer refused the connection."),
            QuicError.InvalidToken when !established =>
                new TransportException(TransportError.ConnectionRefused, "The peer did not accept the proof of this side's address."),
            // A close by the application before the handshake is complete travels without its code (RFC 9000 section 10.2.3).
            QuicError.ApplicationError or QuicError.NoError => established
                ? new TransportException(TransportError.ConnectionAborted, "The peer closed the connection.")
                : new TransportException(TransportError.ConnectionRefused, "The peer closed the connection during the handshake."),
            >= QuicError.CryptoFirst and <= QuicError.CryptoLast => FromAlert((byte)(code & 0xff), byPeer: true),
            _ => new TransportException(
                TransportError.ProtocolViolation, $"The peer closed the connection with the QUIC transport error 0x{code:x}."),
        };
    }
}
