using System.Net;
using Microsoft.Extensions.Logging;

namespace RpcNet.Hosting;

/// <summary>What the host logs; event ids 2000 … 2999.</summary>
internal static partial class HostingLog
{
    public const string Category = "RpcNet.Hosting";

    [LoggerMessage(2000, LogLevel.Information, "RpcNet uses the QUIC engine {Engine}")]
    public static partial void EngineSelected(ILogger logger, string engine);

    [LoggerMessage(2001, LogLevel.Information, "RpcNet listens on {EndPoint} for {Protocols}")]
    public static partial void Listening(ILogger logger, IPEndPoint endPoint, string protocols);

    [LoggerMessage(2002, LogLevel.Critical, "RpcNet's listener on {EndPoint} failed, so the host stops: {Reason}")]
    public static partial void ListenerFailed(ILogger logger, IPEndPoint endPoint, string reason, Exception exception);

    [LoggerMessage(2003, LogLevel.Information, "RpcNet drained: all calls in flight are done")]
    public static partial void Drained(ILogger logger);

    [LoggerMessage(2004, LogLevel.Warning, "RpcNet cancelled {Calls} calls that were not done after the drain time of {DrainTimeout}")]
    public static partial void DrainTimedOut(ILogger logger, int calls, TimeSpan drainTimeout);

    [LoggerMessage(2005, LogLevel.Debug, "RpcNet's listener on {EndPoint} is closed")]
    public static partial void ListenerClosed(ILogger logger, IPEndPoint endPoint);

    [LoggerMessage(2006, LogLevel.Critical, "RpcNet's part in the cluster failed, so the host stops: {Reason}")]
    public static partial void MemberFailed(ILogger logger, string reason, Exception exception);

    [LoggerMessage(2007, LogLevel.Information, "AddRpcNet() was not called, so this process does not listen at {Key} = '{Address}'")]
    public static partial void ListenAddressUnused(ILogger logger, string key, string address);

    [LoggerMessage(2010, LogLevel.Information, "Made development certificates in {Directory}; they are valid on this machine alone")]
    public static partial void DevelopmentCertificatesMade(ILogger logger, string directory);

    [LoggerMessage(2011, LogLevel.Information, "Certificates were read again; new connections use '{Subject}', valid until {NotAfter:u}")]
    public static partial void CertificatesReloaded(ILogger logger, string? subject, DateTime? notAfter);

    [LoggerMessage(2012, LogLevel.Error, "Changed certificates cannot be used, the old ones stay in force: {Problem}")]
    public static partial void CertificatesNotReloaded(ILogger logger, string problem);

    [LoggerMessage(2013, LogLevel.Warning, "The certificate '{Subject}' expires on {NotAfter:u}")]
    public static partial void CertificateExpiresSoon(ILogger logger, string subject, DateTime notAfter);

    [LoggerMessage(2014, LogLevel.Information, "The key for stateless resets is not kept, so peers notice a restart of this process by silence alone: {Path} cannot be written ({Reason}). Set {Key} to a path that can")]
    public static partial void ResetKeyNotKept(ILogger logger, string path, string key, string reason);

    [LoggerMessage(2020, LogLevel.Warning, "The cluster is anonymous, whoever reaches the port can join it: {Key} is true")]
    public static partial void AnonymousCluster(ILogger logger, string key);

    [LoggerMessage(2021, LogLevel.Warning, "Refused a gossip connection from {RemoteEndPoint}: {Reason}")]
    public static partial void MemberRefused(ILogger logger, IPEndPoint remoteEndPoint, string reason);

    [LoggerMessage(2022, LogLevel.Information, "Joined the cluster {Cluster} through a seed")]
    public static partial void Joined(ILogger logger, string cluster);

    [LoggerMessage(2023, LogLevel.Information, "The tag '{Tag}' is now '{Value}', by configuration")]
    public static partial void TagReloaded(ILogger logger, string tag, string? value);

    [LoggerMessage(2024, LogLevel.Error, "Changed configuration was not applied: {Reason}")]
    public static partial void ReloadRefused(ILogger logger, string reason);

    [LoggerMessage(2025, LogLevel.Information, "Changed limits are in force, sizes for new connections: {Keys}")]
    public static partial void LimitsReloaded(ILogger logger, string keys);

    [LoggerMessage(2026, LogLevel.Error, "Changed settings are refused, they need a restart of the process: {Keys}")]
    public static partial void RestartNeeded(ILogger logger, string keys);
}
