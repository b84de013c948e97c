using System.Net;
using Microsoft.Extensions.Logging;

namespace RpcNet.Transports.Ngtcp2;

/// <summary>The engine's log messages; event ids 3200 to 3299.</summary>
internal static partial class Ngtcp2Log
{
    [LoggerMessage(3200, LogLevel.Critical, "An I/O thread of the ngtcp2 engine has failed.")]
    public static partial void LoopFailed(ILogger logger, Exception exception);

    [LoggerMessage(3201, LogLevel.Error, "A callback of the ngtcp2 engine has failed; its connection is closed.")]
    public static partial void CallbackFailed(ILogger logger, Exception exception);

    [LoggerMessage(3202, LogLevel.Error, "The certificate validator failed for {RemoteEndPoint}; the peer is not accepted.")]
    public static partial void ValidatorFailed(ILogger logger, IPEndPoint remoteEndPoint, Exception exception);

    [LoggerMessage(3203, LogLevel.Information, "A handshake with {RemoteEndPoint} failed: {Reason}")]
    public static partial void HandshakeFailed(ILogger logger, IPEndPoint remoteEndPoint, string reason);

    [LoggerMessage(3204, LogLevel.Debug, "Listening on {LocalEndPoint} with libngtcp2 {Version}.")]
    public static partial void Listening(ILogger logger, IPEndPoint localEndPoint, string? version);

    [LoggerMessage(3205, LogLevel.Error, "A connection from {RemoteEndPoint} cannot be accepted.")]
    public static partial void AcceptFailed(ILogger logger, IPEndPoint remoteEndPoint, Exception exception);

    [LoggerMessage(3206, LogLevel.Debug, "{RemoteEndPoint} gets no session ticket: {Reason}")]
    public static partial void TicketFailed(ILogger logger, IPEndPoint remoteEndPoint, string reason);

    [LoggerMessage(3207, LogLevel.Warning, "{Count} more handshakes failed on {LocalEndPoint} within a short time; they are not logged one by one.")]
    public static partial void MoreHandshakesFailed(ILogger logger, int count, IPEndPoint localEndPoint);

    [LoggerMessage(
        3208,
        LogLevel.Warning,
        "libngtcp2 {Version} is in use: {Warning}. Update it by the package manager, or by eng/native-prerequisites.sh on a developer's machine.")]
    public static partial void Vulnerable(ILogger logger, string? version, string warning);

    [LoggerMessage(3209, LogLevel.Debug, "{RemoteEndPoint} sends early data, and its ticket allows it.")]
    public static partial void EarlyDataAccepted(ILogger logger, IPEndPoint remoteEndPoint);

    [LoggerMessage(3210, LogLevel.Debug, "The server at {RemoteEndPoint} answered the offer of early data: {Answer}.")]
    public static partial void EarlyDataAnswered(ILogger logger, IPEndPoint remoteEndPoint, Internal.EarlyData answer);
}
