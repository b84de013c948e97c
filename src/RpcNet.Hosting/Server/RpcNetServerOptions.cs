using RpcNet.Hosting.Configuration;

namespace RpcNet.Hosting;

/// <summary>How calls are served. Configuration section <c>RpcNet:Server</c>.</summary>
public sealed class RpcNetServerOptions
{
    /// <summary>Calls in flight on all connections together; more are refused with ResourceExhausted, undispatched.</summary>
    /// <value>1 … 10,000,000; default 65,536.</value>
    [AllowedRange(1, 10_000_000)]
    public int MaxConcurrentCalls { get; set; } = 65_536;

    /// <summary>
    /// Whether a handler's unforeseen exception reaches the caller with its text. Texts can hold secrets: leave it off in
    /// production.
    /// </summary>
    /// <value>Default false.</value>
    public bool EnableDetailedErrors { get; set; }

    /// <summary>
    /// How long a stopping process lets calls in flight go on before it cancels them. HostOptions.ShutdownTimeout bounds the whole
    /// stop and should be longer.
    /// </summary>
    /// <value>0 … 1 h; default 10 s.</value>
    [AllowedRange("00:00:00", "01:00:00")]
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>What is enforced on every connection, before anything is parsed.</summary>
    public RpcNetLimitsOptions Limits { get; set; } = new();
}
