using RpcNet.Hosting.Configuration;

namespace RpcNet.Hosting;

/// <summary>Who a server is, and whose client certificates it accepts.</summary>
public class RpcNetServerCertificateOptions : RpcNetIdentityOptions
{
    /// <summary>A PEM file with the authorities that peers' certificates must chain to: servers', and clients' that present one.</summary>
    /// <value>A path, relative to the content root; null (the default): the operating system's for servers, no client's.</value>
    public string? TrustedCaPath { get; set; }

    /// <summary>Server identities by the name in the client's SNI; other names get the section's own identity.</summary>
    public IDictionary<string, RpcNetIdentityOptions> Names { get; set; } =
        new Dictionary<string, RpcNetIdentityOptions>(StringComparer.OrdinalIgnoreCase);

    internal bool HasAny => IsSet || TrustedCaPath is { Length: > 0 } || Names.Count > 0;
}

/// <summary>Who this process is, and whom it trusts. Configuration section <c>RpcNet:Certificates</c>.</summary>
/// <remarks>
/// The section's own files are the identity for everything unless a narrower section has one. A certificate without the client
/// authentication usage is not presented to servers. Files, store and callbacks are looked at again every ReloadInterval: new
/// connections use what has changed, open ones go on; what cannot be used leaves the old in force and is logged.
/// </remarks>
public sealed class RpcNetCertificateOptions : RpcNetServerCertificateOptions
{
    /// <summary>What this process presents to the servers that it calls.</summary>
    public RpcNetIdentityOptions Client { get; set; } = new();

    /// <summary>What the members of the cluster present to each other.</summary>
    public RpcNetClusterCertificateOptions Cluster { get; set; } = new();

    /// <summary>
    /// Where development certificates are made on the first run when nothing is configured. Only in the Development environment;
    /// any other refuses to start without configured certificates.
    /// </summary>
    /// <value>A path, relative to the content root; default "certs".</value>
    public string DevelopmentDirectory { get; set; } = "certs";

    /// <summary>How often files, store and callbacks are looked at for changes.</summary>
    /// <value>100 ms … 5 s; default 2 s.</value>
    [AllowedRange("00:00:00.1", "00:00:05")]
    public TimeSpan ReloadInterval { get; set; } = TimeSpan.FromSeconds(2);
}

/// <summary>The certificates of gossip. Configuration section <c>RpcNet:Certificates:Cluster</c>.</summary>
public sealed class RpcNetClusterCertificateOptions : RpcNetIdentityOptions
{
    /// <summary>A PEM file with the authorities that every member's certificate must chain to.</summary>
    /// <value>A path, relative to the content root; null (the default) takes RpcNet:Certificates:TrustedCaPath.</value>
    public string? TrustedCaPath { get; set; }

    /// <summary>The name that every member's certificate bears.</summary>
    /// <value>A DNS name; null (the default): each certificate bears the address under which its node is reached.</value>
    public string? TargetHost { get; set; }

    /// <summary>
    /// Whether members need no client certificate: whoever reaches the port can join and read. Logged as a warning at each start.
    /// </summary>
    /// <value>Default false.</value>
    public bool AllowAnonymous { get; set; }
}

/// <summary>Who one client is, and which servers it trusts. Section <c>RpcNet:Clients:&lt;name&gt;:Certificate</c>.</summary>
public sealed class RpcClientCertificateOptions : RpcNetIdentityOptions
{
    /// <summary>A PEM file with the authorities that the certificates of this client's servers must chain to.</summary>
    /// <value>A path, relative to the content root; null (the default) takes RpcNet:Certificates:TrustedCaPath.</value>
    public string? TrustedCaPath { get; set; }

    internal bool HasAny => IsSet || TrustedCaPath is { Length: > 0 };
}
