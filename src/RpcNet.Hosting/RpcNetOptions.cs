using RpcNet.Cluster;

namespace RpcNet.Hosting;

/// <summary>Everything that can be set on RpcNet in a host. Configuration section <c>RpcNet</c>.</summary>
/// <remarks>
/// Every key can also be an environment variable, sections separated by two underscores:
/// <c>RpcNet__Cluster__Seeds__0=10.0.0.5:61000</c>. Durations are written "hours:minutes:seconds", such as "00:00:02.5".
/// </remarks>
public sealed class RpcNetOptions
{
    /// <summary>The name of the configuration section.</summary>
    public const string SectionName = "RpcNet";

    /// <summary>
    /// The director of processes outside of the cluster: clients that name neither an address nor a director of their own follow it.
    /// A member's clients with tags go by the member's own view.
    /// </summary>
    /// <value>"host:port"; null (the default) for none.</value>
    public string? Director { get; set; }

    /// <summary>Where this process serves.</summary>
    public RpcNetListenOptions Listen { get; set; } = new();

    /// <summary>The QUIC engine and its connections.</summary>
    public RpcNetTransportOptions Transport { get; set; } = new();

    /// <summary>Who this process is, and whom it trusts.</summary>
    public RpcNetCertificateOptions Certificates { get; set; } = new();

    /// <summary>How calls are served.</summary>
    public RpcNetServerOptions Server { get; set; } = new();

    /// <summary>Compression of payloads.</summary>
    public RpcNetCompressionOptions Compression { get; set; } = new();

    /// <summary>How this process takes part in its cluster; looked at only with AddCluster.</summary>
    public ClusterOptions Cluster { get; set; } = new();

    /// <summary>
    /// The clients by their names: the name given to AddRpcClient, or the contract's interface name without its namespace.
    /// </summary>
    public IDictionary<string, RpcClientOptions> Clients { get; set; } =
        new Dictionary<string, RpcClientOptions>(StringComparer.OrdinalIgnoreCase);
}
