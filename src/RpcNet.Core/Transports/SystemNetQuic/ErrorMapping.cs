using System.Net;
using System.Net.Quic;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Authentication;

namespace RpcNet.Transports.SystemNetQuic;

/// <summary>Maps System.Net.Quic's exceptions to <see cref="TransportError"/>.</summary>
[SupportedOSPlatform("linux")]
[SupportedOSPlatform("macos")]
[SupportedOSPlatform("windows")]
internal static class ErrorMapping
{
    // RFC 9001 section 4.8: a TLS alert becomes the transport error 0x0100 + alert.
    private const long CryptoErrors = 0x0100;
    private const long LastCryptoError = 0x01FF;
    private const long NoApplicationProtocol = CryptoErrors + 120;
    private const long NoError = 0x00;
    private const long ConnectionRefused = 0x02;
    private const long InvalidToken = 0x0b;
    private const long ApplicationError = 0x0c;

    // QUIC_STATUS_ALPN_NEG_FAILURE as System.Net.Quic leaves it in HResult: Windows, then Linux and macOS.
    private const int AlpnNegotiationFailureWindows = unchecked((int)0x80410007);
    private const int AlpnNegotiationFailurePosix = 92; // ENOPROTOOPT
    private const int AlpnNegotiationFailureMac = 42;

    public static TransportException OfListen(Exception e, IPEndPoint endPoint) => e switch
    {
        SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } or QuicException { QuicError: QuicError.AlpnInUse } =>
            new(TransportError.AddressInUse, $"The UDP port {endPoint} is taken.", innerException: e),
        SocketException =>
            new(TransportError.AddressUnavailable, $"The address {endPoint} cannot be bound: {e.Message}", innerException: e),
        _ => new(TransportError.Internal, $"Listening at {endPoint} failed: {e.Message}", innerException: e),
    };

    /// <summary>Maps a failed connect; <paramref name="rejection"/> is this side's reason against the peer's certificate.</summary>
    public static TransportException OfConnect(Exception e, IPEndPoint target, string? rejection)
    {
        if (rejection is not null)
        {
            return new(
                TransportError.AuthenticationFailed, $"The certificate of {target} was rejected: {rejection}.", innerException: e);
        }

        var error = e switch
        {
            SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain } =>
                TransportError.HostNotFound,
            SocketException => TransportError.ConnectionRefused,
            QuicException { QuicError: QuicError.ConnectionIdle or QuicError.ConnectionTimeout } => TransportError.HandshakeTimeout,

            // A close by the application before the handshake is complete travels without its code (RFC 9000 section 10.2.3).
            QuicException { QuicError: QuicError.TransportError, TransportErrorCode: NoError or InvalidToken or ApplicationError } =>
                TransportError.ConnectionRefused,
            _ => Classify(e),
        };
        return new(error, $"Connecting to {target} failed: {e.Message}", CodeOf(e), e);
    }

    public static TransportException OfConnection(Exception e, IPEndPoint peer) =>
        new(Classify(e), $"The connection to {peer} has ended: {e.Message}", CodeOf(e), e);

    public static TransportException OfStream(Exception e, long streamId) =>
        new(Classify(e), $"Stream {streamId} has ended: {e.Message}", CodeOf(e), e);

    /// <summary>A new exception for each throw, since a thrown one keeps its stack trace.</summary>
    public static TransportException Again(this TransportException e) =>
        new(e.Error, e.Message, e.ApplicationErrorCode, e.InnerException);

    private static TransportError Classify(Exception e) => e switch
    {
        ObjectDisposedException => TransportError.Disposed,
        AuthenticationException => IsAlpnMismatch(e) ? TransportError.ApplicationProtocolMismatch : TransportError.AuthenticationFailed,
        QuicException quic => Classify(quic),
        SocketException => TransportError.ConnectionRefused,
        _ => TransportError.Internal,
    };

    private static TransportError Classify(QuicException e) => e.QuicError switch
    {
        QuicError.ConnectionAborted => TransportError.ConnectionAborted,

        // Of a connection that has been made: the peer acknowledged nothing of what was sent to it.
        QuicError.ConnectionTimeout or QuicError.ConnectionIdle => TransportError.ConnectionIdle,
        QuicError.ConnectionRefused => TransportError.ConnectionRefused,
        QuicError.StreamAborted => TransportError.StreamAborted,
        QuicError.OperationAborted => TransportError.Disposed,
        QuicError.AlpnInUse => TransportError.AddressInUse,
        QuicError.VersionNegotiationError => TransportError.ProtocolViolation,
        QuicError.TransportError => e.TransportErrorCode switch
        {
            NoApplicationProtocol => TransportError.ApplicationProtocolMismatch,
            >= CryptoErrors and <= LastCryptoError => TransportError.AuthenticationFailed,
            ConnectionRefused => TransportError.ConnectionRefused,
            _ => TransportError.ProtocolViolation,
        },
        _ => TransportError.Internal,
    };

    private static long? CodeOf(Exception e) =>
        e is QuicException { QuicError: QuicError.ConnectionAborted or QuicError.StreamAborted } quic ? quic.ApplicationErrorCode : null;

    private static bool IsAlpnMismatch(Exception e) => e.HResult ==
        (OperatingSystem.IsWindows() ? AlpnNegotiationFailureWindows
            : OperatingSystem.IsMacOS() ? AlpnNegotiationFailureMac
            : AlpnNegotiationFailurePosix);
}
