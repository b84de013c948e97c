namespace RpcNet.Hosting;

/// <summary>A certificate with its private key, in files: PEM (Path and KeyPath) or PKCS #12 (PfxPath).</summary>
public class RpcNetIdentityOptions
{
    /// <summary>A PEM file: the certificate first, then the intermediates that are sent along.</summary>
    /// <value>A path, relative to the content root; null (the default) for none.</value>
    public string? Path { get; set; }

    /// <summary>A PEM file with the private key of <see cref="Path"/>.</summary>
    /// <value>A path, relative to the content root; null (the default): the key is in the file that Path names.</value>
    public string? KeyPath { get; set; }

    /// <summary>A PKCS #12 file with certificate, key and intermediates, instead of Path and KeyPath.</summary>
    /// <value>A path, relative to the content root; null (the default) for none.</value>
    public string? PfxPath { get; set; }

    /// <summary>The password of the PKCS #12 file or of an encrypted PEM key. Keep it out of files: set it by environment or secret store.</summary>
    /// <value>Default null: none.</value>
    public string? Password { get; set; }

    internal bool IsSet => Path is { Length: > 0 } || PfxPath is { Length: > 0 } || KeyPath is { Length: > 0 };
}

/// <summary>Who this process is, and whom it trusts. Configuration section <c>RpcNet:Certificates</c>.</summary>
/// <remarks>
/// The section's own files are the identity for everything unless a narrower section has one. A certificate without the client
/// authentication usage is not presented to servers. Files are read again when they change, without dropping a connection; ones
/// that cannot be used leave the old ones in force and are logged.
/// </remarks>
public sealed class RpcNetCertificateOptions : RpcNetIdentityOptions
{
    /// <summary>A PEM file with the authorities that peers' certificates must chain to: servers', and clients' that present one.</summary>
    /// <value>A path, relative to the content root; null (the default): the operating system's for servers, no client's.</value>
    public string? TrustedCaPath { get; set; }

    /// <summary>Server identities by the name in the client's SNI; other names get the section's own identity.</summary>
    public IDictionary<string, RpcNetIdentityOptions> Names { get; set; } =
        new Dictionary<string, RpcNetIdentityOptions>(StringComparer.OrdinalIgnoreCase);

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

    /// <summary>How often the files are looked at for changes.</summary>
    /// <value>100 ms … 5 s; default 2 s.</value>
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
