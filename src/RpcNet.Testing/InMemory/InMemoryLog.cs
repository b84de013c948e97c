using System.Net;
using Microsoft.Extensions.Logging;

namespace RpcNet.Testing.InMemory;

internal static partial class InMemoryLog
{
    [LoggerMessage(9001, LogLevel.Debug, "Handshake of {Client} with {Server} failed: {Reason}")]
    public static partial void HandshakeFailed(ILogger logger, EndPoint client, EndPoint server, string reason);
}
