using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using RpcNet.Client.Internal;
using RpcNet.Framing;
using RpcNet.Server.Internal;

namespace RpcNet.Diagnostics;

/// <summary>
/// Spans and metrics named by OpenTelemetry's semantic conventions for RPC. Without a listener nothing is measured or
/// allocated.
/// </summary>
internal static class RpcTelemetry
{
    /// <summary>The name of the activity source and the meter.</summary>
    public const string Name = "RpcNet";

    private const string System = "rpcnet";

    // The boundaries that the conventions advise, in seconds.
    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    };

    private static readonly ConcurrentDictionary<ClientConnection, byte> ClientConnections = new();
    private static readonly ConcurrentDictionary<ServerConnection, byte> ServerConnections = new();
    private static readonly ActivitySource Source = new(Name);
    private static readonly Meter Meter = new(Name);

    private static readonly Histogram<double> ClientDuration = Meter.CreateHistogram(
        "rpc.client.call.duration", "s", "Duration of outgoing calls.", tags: null, Seconds);

    private static readonly Histogram<double> ServerDuration = Meter.CreateHistogram(
        "rpc.server.call.duration", "s", "Duration of incoming calls.", tags: null, Seconds);

    private static readonly Counter<long> LateFrames = Meter.CreateCounter<long>(
        "rpcnet.client.late_frames", "{frame}", "Frames that came for calls that had already ended.");

    private static readonly Counter<long> Refused = Meter.CreateCounter<long>(
        "rpcnet.server.refused_calls", "{call}", "Calls refused before their handler ran.");

    private static readonly Counter<long> EarlyCalls = Meter.CreateCounter<long>(
        "rpcnet.server.early_calls", "{call}", "Calls that came as early data, dispatched at once or held until the handshake was complete.");

    private static readonly Counter<long> CompressionSavings = Meter.CreateCounter<long>(
        "rpcnet.compression.savings", "By", "Bytes of payloads that compression kept off the wire.");

    static RpcTelemetry()
    {
        Meter.CreateObservableUpDownCounter("rpcnet.client.connections", static () => ClientConnections.Count, "{connection}", "Outgoing connections.");
        Meter.CreateObservableUpDownCounter(
            "rpcnet.client.calls", static () => ClientConnections.Keys.Sum(static c => c.AllCallsInFlight), "{call}", "Outgoing calls in flight.");
        Meter.CreateObservableUpDownCounter(
            "rpcnet.client.lanes", static () => ClientConnections.Keys.Sum(static c => c.Lanes), "{lane}", "Lanes of outgoing connections.");
        Meter.CreateObservableUpDownCounter(
            "rpcnet.client.lane.queue.size", static () => ClientConnections.Keys.Sum(static c => c.QueuedBytes), "By", "Bytes of requests that wait in lanes for their servers.");
        Meter.CreateObservableUpDownCounter(
            "rpcnet.server.lanes", static () => ServerConnections.Keys.Sum(static c => c.Lanes), "{lane}", "Lanes of incoming connections.");
        Meter.CreateObservableUpDownCounter(
            "rpcnet.server.lane.queue.size", static () => ServerConnections.Keys.Sum(static c => c.QueuedBytes), "By", "Bytes of responses that wait in lanes for their clients.");
        Meter.CreateObservableUpDownCounter("rpcnet.server.connections", static () => ServerConnections.Count, "{connection}", "Incoming connections.");
        Meter.CreateObservableUpDownCounter(
            "rpcnet.server.calls", static () => ServerConnections.Keys.Sum(static c => c.CallsInFlight), "{call}", "Incoming calls in flight.");
    }

    public static bool IsClientEnabled => Source.HasListeners() || ClientDuration.Enabled;

    public static bool IsServerEnabled => Source.HasListeners() || ServerDuration.Enabled;

    public static void Add(ClientConnection connection) => ClientConnections[connection] = 0;

    public static void Remove(ClientConnection connection) => ClientConnections.TryRemove(connection, out _);

    public static void Add(ServerConnection connection) => ServerConnections[connection] = 0;

    public static void Remove(ServerConnection connection) => ServerConnections.TryRemove(connection, out _);

    public static void PayloadCompressed(int savedBytes) => CompressionSavings.Add(savedBytes);

    public static void LateFrame() => LateFrames.Add(1);

    public static void EarlyCall(bool dispatched) =>
        EarlyCalls.Add(1, new KeyValuePair<string, object?>("rpcnet.early_call.outcome", dispatched ? "dispatched" : "held"));

    public static void CallRefused(RpcStatusCode status) =>
        Refused.Add(1, new KeyValuePair<string, object?>("rpc.response.status_code", NameOf(status)));

    /// <summary>Starts an outgoing call's span; null when nobody listens.</summary>
    public static Activity? StartClient(RpcMethod method, in RpcPeer peer) =>
        Source.HasListeners()
            ? Source.StartActivity(method.FullName, ActivityKind.Client, parentContext: default, PeerTags(method, peer))
            : null;

    /// <summary>Starts an incoming call's span under the caller's; null when nobody listens.</summary>
    public static Activity? StartServer(RpcMethod method, in FrameExtension extension)
    {
        if (!Source.HasListeners())
        {
            return null;
        }

        ActivityContext.TryParse(extension.TraceParent, extension.TraceState, isRemote: true, out var parent);
        return Source.StartActivity(method.FullName, ActivityKind.Server, parent, MethodTags(method));
    }

    /// <summary>Ends an outgoing call's span and records its duration.</summary>
    public static void EndClient(Activity? activity, RpcMethod method, in RpcPeer peer, TimeSpan duration, Exception? error)
    {
        var tags = Tags(method, StatusOf(error), isError: error is not null);
        tags.Add("server.address", peer.Address);
        tags.Add("server.port", peer.Port);
        ClientDuration.Record(duration.TotalSeconds, tags);
        End(activity, tags, error);
    }

    /// <summary>Ends an incoming call's span and records its duration.</summary>
    public static void EndServer(Activity? activity, RpcMethod method, TimeSpan duration, RpcFaultException? fault)
    {
        var isError = fault?.Status is RpcStatusCode.Unknown or RpcStatusCode.DeadlineExceeded or RpcStatusCode.Unimplemented
            or RpcStatusCode.Internal or RpcStatusCode.Unavailable or RpcStatusCode.DataLoss;
        var tags = Tags(method, StatusOf(fault), isError);
        ServerDuration.Record(duration.TotalSeconds, tags);
        End(activity, tags, isError ? fault : null);
    }

    /// <summary>What samplers may decide by is there when a span starts.</summary>
    private static TagList MethodTags(RpcMethod method) => [new("rpc.system.name", System), new("rpc.method", method.FullName)];

    private static TagList PeerTags(RpcMethod method, in RpcPeer peer)
    {
        var tags = MethodTags(method);
        tags.Add("server.address", peer.Address);
        tags.Add("server.port", peer.Port);
        return tags;
    }

    private static TagList Tags(RpcMethod method, RpcStatusCode status, bool isError)
    {
        var name = NameOf(status);
        var tags = default(TagList);
        tags.Add("rpc.system.name", System);
        tags.Add("rpc.method", method.FullName);
        tags.Add("rpc.response.status_code", name);
        if (isError)
        {
            tags.Add("error.type", name);
        }

        return tags;
    }

    private static void End(Activity? activity, in TagList tags, Exception? error)
    {
        if (activity is null)
        {
            return;
        }

        if (activity.IsAllDataRequested)
        {
            foreach (var (key, value) in tags)
            {
                activity.SetTag(key, value);
            }

            if (error is not null)
            {
                activity.SetStatus(ActivityStatusCode.Error, error.Message);
            }
        }

        activity.Dispose();
    }

    private static RpcStatusCode StatusOf(Exception? error) => error switch
    {
        null => RpcStatusCode.Ok,
        RpcFaultException fault => fault.Status,
        OperationCanceledException => RpcStatusCode.Cancelled,
        _ => RpcStatusCode.Unknown,
    };

    private static string NameOf(RpcStatusCode status) => status switch
    {
        RpcStatusCode.Ok => "OK",
        RpcStatusCode.Cancelled => "CANCELLED",
        RpcStatusCode.InvalidArgument => "INVALID_ARGUMENT",
        RpcStatusCode.DeadlineExceeded => "DEADLINE_EXCEEDED",
        RpcStatusCode.NotFound => "NOT_FOUND",
        RpcStatusCode.AlreadyExists => "ALREADY_EXISTS",
        RpcStatusCode.PermissionDenied => "PERMISSION_DENIED",
        RpcStatusCode.ResourceExhausted => "RESOURCE_EXHAUSTED",
        RpcStatusCode.FailedPrecondition => "FAILED_PRECONDITION",
        RpcStatusCode.Aborted => "ABORTED",
        RpcStatusCode.OutOfRange => "OUT_OF_RANGE",
        RpcStatusCode.Unimplemented => "UNIMPLEMENTED",
        RpcStatusCode.Internal => "INTERNAL",
        RpcStatusCode.Unavailable => "UNAVAILABLE",
        RpcStatusCode.DataLoss => "DATA_LOSS",
        RpcStatusCode.Unauthenticated => "UNAUTHENTICATED",
        _ => "UNKNOWN",
    };
}

/// <summary>A server as tags name it; the port is boxed once.</summary>
internal readonly record struct RpcPeer(string Address, object? Port)
{
    public static RpcPeer From(global::System.Net.EndPoint endPoint) => endPoint switch
    {
        global::System.Net.IPEndPoint ip => new(ip.Address.ToString(), ip.Port),
        global::System.Net.DnsEndPoint dns => new(dns.Host, dns.Port),
        _ => new(endPoint.ToString() ?? "", null),
    };
}
