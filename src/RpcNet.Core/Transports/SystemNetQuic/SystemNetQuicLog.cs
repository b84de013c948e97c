using System.Net;
using Microsoft.Extensions.Logging;

namespace RpcNet.Transports.SystemNetQuic;

/// <summary>Event ids 1200 … 1299.</summary>
internal static partial class SystemNetQuicLog
{
    [LoggerMessage(1200, LogLevel.Debug, "A handshake at {Listener} failed ({Failures} so far)")]
    public static partial void HandshakeFailed(ILogger logger, Exception e, EndPoint listener, long failures);

    [LoggerMessage(1201, LogLevel.Warning, "The certificate of client {Client} was rejected: {Reason}")]
    public static partial void ClientRejected(ILogger logger, EndPoint client, string reason);

    [LoggerMessage(1202, LogLevel.Warning, "Client {Client} asked for the name {ServerName}, for which there is no certificate")]
    public static partial void NoIdentity(ILogger logger, EndPoint client, string? serverName);

    [LoggerMessage(1203, LogLevel.Error, "Stream {StreamId} could not be freed")]
    public static partial void StreamDisposalFailed(ILogger logger, Exception e, long streamId);

    [LoggerMessage(1204, LogLevel.Error, "The listener at {Listener} has failed and accepts no more connections")]
    public static partial void ListenerFailed(ILogger logger, Exception e, EndPoint listener);
}
