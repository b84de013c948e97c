using System.Net;
using Microsoft.Extensions.Logging;

namespace RpcNet.Cluster;

/// <summary>Log messages of registry, balancing and cluster client: ids 4000 … 4999.</summary>
internal static partial class RoutingLog
{
    [LoggerMessage(4000, LogLevel.Information, "Worker {Label} at {Address} is available")]
    public static partial void WorkerAdded(ILogger logger, string label, IPEndPoint address);

    [LoggerMessage(4001, LogLevel.Information, "Worker {Label} at {Address} is gone: {Reason}")]
    public static partial void WorkerRemoved(ILogger logger, string label, IPEndPoint address, string reason);

    [LoggerMessage(4002, LogLevel.Information, "Worker {Label} at {Address} is now {State}: {Reason}")]
    public static partial void WorkerStateChanged(ILogger logger, string label, IPEndPoint address, WorkerState state, string reason);

    [LoggerMessage(4003, LogLevel.Warning, "Worker {Label} is ignored: the registry holds {MaxWorkers} workers, as many as RpcNet:Cluster:Workers:MaxWorkers allows")]
    public static partial void TooManyWorkers(ILogger logger, string label, int maxWorkers);

    [LoggerMessage(4004, LogLevel.Information, "The membership ended; the registry keeps the {Count} workers it knows")]
    public static partial void MembershipEnded(ILogger logger, int count);

    [LoggerMessage(4005, LogLevel.Error, "Following the membership failed; trying again in 1 s")]
    public static partial void MembershipFailed(ILogger logger, Exception exception);

    [LoggerMessage(4010, LogLevel.Warning, "Worker {Label} stands out ({Reason}) but stays: {Ejected} of {Workers} workers are ejected already")]
    public static partial void EjectionRefused(ILogger logger, string label, string reason, int ejected, int workers);

    [LoggerMessage(4011, LogLevel.Debug, "A call for '{Expression}' was shed: all workers are full")]
    public static partial void Shed(ILogger logger, TagExpression expression);

    [LoggerMessage(4012, LogLevel.Information, "A client could not reach worker {Label}, which stays: {Reporters} of the {Quorum} clients that it takes have said so ({Reason})")]
    public static partial void Reported(ILogger logger, string label, int reporters, int quorum, string reason);

    [LoggerMessage(4020, LogLevel.Debug, "The load of worker {Label} at {Address} is unknown for now: {Reason}")]
    public static partial void LoadWatchFailed(ILogger logger, string label, IPEndPoint address, string reason);

    [LoggerMessage(4021, LogLevel.Information, "Worker {Label} at {Address} does not report its load; only local calls count")]
    public static partial void LoadNotReported(ILogger logger, string label, IPEndPoint address);

    [LoggerMessage(4030, LogLevel.Debug, "The idle connection to worker {Label} at {Address} is closed")]
    public static partial void ChannelIdle(ILogger logger, string label, IPEndPoint address);

    [LoggerMessage(4031, LogLevel.Debug, "Connecting to worker {Label} at {Address} ahead of calls failed: {Reason}")]
    public static partial void WarmingFailed(ILogger logger, string label, IPEndPoint address, string reason);

    [LoggerMessage(4032, LogLevel.Error, "Closing the connection to worker {Label} failed")]
    public static partial void ChannelDisposalFailed(ILogger logger, string label, Exception exception);

    [LoggerMessage(4039, LogLevel.Trace, "{Method} goes to worker {Label} at {Address}")]
    public static partial void Selected(ILogger logger, string method, string label, IPEndPoint address);

    [LoggerMessage(4040, LogLevel.Debug, "{Method} goes on to another worker: {Label} at {Address} was not reached ({Reason})")]
    public static partial void FailedOver(ILogger logger, string method, string label, IPEndPoint address, string reason);

    [LoggerMessage(4041, LogLevel.Information, "{Method} is sent again, to another worker: {Label} at {Address} failed ({Reason})")]
    public static partial void Retried(ILogger logger, string method, string label, IPEndPoint address, string reason);

    [LoggerMessage(4042, LogLevel.Warning, "{Method} is not sent again, since the retry budget is used up: {Reason}")]
    public static partial void RetryRefused(ILogger logger, string method, string reason);

    [LoggerMessage(4043, LogLevel.Debug, "{Method} is sent to {Second} too: {First} has not answered within {Delay}")]
    public static partial void Hedged(ILogger logger, string method, string first, string second, TimeSpan delay);

    [LoggerMessage(4050, LogLevel.Information, "Following the director at {Director}, which names {Count} workers")]
    public static partial void DirectorFollowed(ILogger logger, string director, int count);

    [LoggerMessage(4051, LogLevel.Warning, "The director at {Director} does not answer; going on with the {Count} workers known: {Reason}")]
    public static partial void DirectorLost(ILogger logger, string director, int count, string reason);

    [LoggerMessage(4052, LogLevel.Warning, "The director names a worker that cannot be used: id '{Id}', address '{Address}'")]
    public static partial void DirectorViewMalformed(ILogger logger, string id, string address);

    [LoggerMessage(4053, LogLevel.Debug, "Telling the director that worker {Id} failed did not succeed: {Reason}")]
    public static partial void ReportFailed(ILogger logger, string id, string reason);
}
