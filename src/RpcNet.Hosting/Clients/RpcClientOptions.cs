using RpcNet.Cluster;
using RpcNet.Hosting.Configuration;
using RpcNet.Serialization;

namespace RpcNet.Hosting;

/// <summary>What a client calls, and how. Configuration section <c>RpcNet:Clients:&lt;name&gt;</c>.</summary>
/// <remarks>Exactly one target: Address, Director, or Cluster:Tags, such as "role=worker".</remarks>
public sealed class RpcClientOptions
{
    private static readonly RpcClientOptions Defaults = new();

    private IRpcSerializer _serializer = MessagePackRpcSerializer.Default;

    /// <summary>The one server that this client calls.</summary>
    /// <value>"host:port"; null (the default) for none. Names are resolved at each connect.</value>
    public string? Address { get; set; }

    /// <summary>
    /// The director that names workers to this client, for processes that are no members of the cluster; it has AddDirector. It is
    /// followed from when the client is first resolved; calls before it has answered fail with Unavailable unless they wait
    /// (RpcCallOptions.WaitForReady).
    /// </summary>
    /// <value>"host:port"; null (the default) for none.</value>
    public string? Director { get; set; }

    /// <summary>
    /// The members of the cluster that this client calls, by their tags, and how; needs AddCluster. With <see cref="Director"/> set:
    /// which of the workers that the director knows.
    /// </summary>
    public ClusterClientOptions Cluster { get; set; } = new();

    /// <summary>The name that the server's certificate must bear.</summary>
    /// <value>A DNS name or IP address; null (the default) takes the host of the address.</value>
    public string? TargetHost { get; set; }

    /// <summary>Connections to one server that calls are spread over.</summary>
    /// <value>1 … 64; default 1.</value>
    [AllowedRange(1, 64)]
    public int Connections { get; set; } = 1;

    /// <summary>The time within which a connection must be established.</summary>
    /// <value>10 ms … 5 min; default 5 s.</value>
    [AllowedRange("00:00:00.01", "00:05:00")]
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>The longest pause between two attempts to connect; the first is a hundredth of it, then doubling, with jitter.</summary>
    /// <value>10 ms … 10 min; default 10 s.</value>
    [AllowedRange("00:00:00.01", "00:10:00")]
    public TimeSpan MaxReconnectDelay { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Whether calls of methods marked Replayable may travel as early data (0-RTT) when a connection is resumed. Needs the
    /// engine Ngtcp2; with another one it is an error at start.
    /// </summary>
    /// <value>true or false; default false.</value>
    public bool EarlyData { get; set; }

    /// <summary>The deadline of calls that have none otherwise.</summary>
    /// <value>1 ms … 1 day; null (the default): none.</value>
    [AllowedRange("00:00:00.001", "1.00:00:00")]
    public TimeSpan? DefaultTimeout { get; set; }

    /// <summary>Who this client is, and which servers it trusts, where that differs from the process's other clients.</summary>
    public RpcClientCertificateOptions Certificate { get; set; } = new();

    internal List<Func<IServiceProvider, IRpcFilter>> Filters { get; } = [];

    /// <summary>
    /// Whether the client's connections differ from those that the registry of a member keeps, so that it needs its own.
    /// </summary>
    internal bool HasConnectionsOfItsOwn => Filters.Count > 0
        || TargetHost is { Length: > 0 }
        || Certificate.HasAny
        || Connections != Defaults.Connections
        || ConnectTimeout != Defaults.ConnectTimeout
        || MaxReconnectDelay != Defaults.MaxReconnectDelay
        || EarlyData
        || _serializer != Defaults._serializer;

    /// <summary>Runs a filter around this client's calls, inside of the ones added before.</summary>
    /// <remarks>
    /// In a client with several servers (Cluster:Tags, Director) it runs around every attempt at one of them: retries and hedges are
    /// calls of their own to it.
    /// </remarks>
    /// <returns>These options.</returns>
    public RpcClientOptions AddFilter(IRpcFilter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        Filters.Add(_ => filter);
        return this;
    }

    /// <summary>Runs a filter around this client's calls, made once for the client with its constructor's services.</summary>
    /// <returns>These options.</returns>
    public RpcClientOptions AddFilter<TFilter>()
        where TFilter : class, IRpcFilter
    {
        Filters.Add(Microsoft.Extensions.DependencyInjection.ActivatorUtilities.GetServiceOrCreateInstance<TFilter>);
        return this;
    }

    /// <summary>Uses another codec than MessagePack.</summary>
    /// <returns>These options.</returns>
    public RpcClientOptions UseSerializer(IRpcSerializer serializer)
    {
        ArgumentNullException.ThrowIfNull(serializer);
        _serializer = serializer;
        return this;
    }

    // A method, since the configuration binder takes every property for a setting.
    internal IRpcSerializer GetSerializer() => _serializer;
}
