using System.Net;
using Microsoft.Extensions.Logging;

namespace RpcNet.Filters;

/// <summary>Logs every call with its duration and outcome, on either side: failures as warnings, the others at Debug.</summary>
/// <remarks>
/// On a server a streaming call is logged when its stream has ended; on a client whose response is a stream, when that is
/// ready to be read. Arguments and results are not logged.
/// </remarks>
/// <param name="logger">Where to log.</param>
/// <param name="timeProvider">The clock; null takes the system's.</param>
public sealed partial class RpcLoggingFilter(ILogger<RpcLoggingFilter> logger, TimeProvider? timeProvider = null) : IRpcFilter
{
    private readonly TimeProvider _time = timeProvider ?? TimeProvider.System;

    /// <inheritdoc/>
    public async ValueTask InvokeAsync(RpcCallContext context, RpcFilterDelegate next)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(next);
        var (side, method, started) = (context.Side, context.Method.FullName, _time.GetTimestamp());
        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            LogFailed(logger, side, method, context.RemoteEndPoint, _time.GetElapsedTime(started), StatusOf(e), e.Message);
            throw;
        }

        LogDone(logger, side, method, context.RemoteEndPoint, _time.GetElapsedTime(started));
    }

    private static RpcStatusCode StatusOf(Exception e) => e switch
    {
        RpcFaultException fault => fault.Status,
        OperationCanceledException => RpcStatusCode.Cancelled,
        _ => RpcStatusCode.Internal,
    };

    [LoggerMessage(1050, LogLevel.Debug, "{Side} {Method}, peer {Peer}: done in {Elapsed}")]
    private static partial void LogDone(ILogger logger, RpcCallSide side, string method, IPEndPoint? peer, TimeSpan elapsed);

    [LoggerMessage(1051, LogLevel.Warning, "{Side} {Method}, peer {Peer}: {Status} after {Elapsed}: {Reason}")]
    private static partial void LogFailed(
        ILogger logger, RpcCallSide side, string method, IPEndPoint? peer, TimeSpan elapsed, RpcStatusCode status, string reason);
}
