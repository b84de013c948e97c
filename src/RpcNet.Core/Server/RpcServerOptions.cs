namespace RpcNet.Server;

/// <summary>How a server treats calls.</summary>
public sealed class RpcServerOptions
{
    /// <summary>Limits on every connection.</summary>
    public RpcLimits Limits { get; init; } = new();

    /// <summary>Compression of responses, and whether requests may come compressed. Default: none.</summary>
    public RpcCompressionOptions Compression { get; init; } = new();

    /// <summary>Calls in flight on all connections together; more are refused with ResourceExhausted, undispatched.</summary>
    /// <value>Default 65,536; at least 1.</value>
    public int MaxConcurrentCalls { get; init; } = 65_536;

    /// <summary>
    /// Whether a handler's unforeseen exception reaches the caller with its text. Off by default: texts can hold secrets.
    /// </summary>
    public bool EnableDetailedErrors { get; init; }

    /// <summary>
    /// The time that cancelled handlers get to end after their connection has ended; then it is released all the same, with
    /// a warning.
    /// </summary>
    /// <value>Default 5 s.</value>
    public TimeSpan HandlerExitTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The codecs that calls may use, by their wire numbers. Default: MessagePack.</summary>
    public IReadOnlyList<IRpcSerializer> Serializers { get; init; } = [Serialization.MessagePackRpcSerializer.Default];

    /// <summary>Filters around every call, outermost first.</summary>
    public IReadOnlyList<IRpcFilter> Filters { get; init; } = [];

    /// <summary>Makes the scope of one call; null gives handlers no services.</summary>
    public Func<IRpcServiceScope>? CreateScope { get; init; }
}

/// <summary>The services that live as long as one call.</summary>
public interface IRpcServiceScope : IAsyncDisposable
{
    /// <summary>Resolves services.</summary>
    IServiceProvider Services { get; }
}
