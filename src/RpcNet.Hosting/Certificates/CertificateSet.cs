using System.Security.Cryptography.X509Certificates;
using RpcNet.Transports;

namespace RpcNet.Hosting.Certificates;

/// <summary>What one reading of all sources gave.</summary>
internal sealed class CertificateSet
{
    /// <summary>The process's own server.</summary>
    public required ServerIdentities Server { get; init; }

    /// <summary>The further servers that have identities of their own.</summary>
    public Dictionary<string, ServerIdentities> Servers { get; } = new(StringComparer.OrdinalIgnoreCase);

    public TlsIdentity? Client { get; init; }

    /// <summary>The clients that differ from <see cref="Client"/>.</summary>
    public Dictionary<string, ClientIdentity> Clients { get; } = new(StringComparer.OrdinalIgnoreCase);

    public TlsIdentity? Cluster { get; init; }

    public X509Certificate2Collection? Roots => Server.Roots;

    public X509Certificate2Collection? ClusterRoots { get; init; }

    /// <summary>A client may be one of the calls or a member of the cluster: which of them is known only after the handshake.</summary>
    public X509Certificate2Collection? ClientRoots => (Roots, ClusterRoots) switch
    {
        (null, null) => null,
        ({ } roots, null) => roots,
        (null, { } roots) => roots,
        ({ } roots, { } cluster) => [.. roots, .. cluster],
    };

    public IEnumerable<TlsIdentity> Identities => Servers.Values.Append(Server)
        .SelectMany(static s => s.Names.Values.Append(s.Default))
        .Concat(Clients.Values.Select(static c => c.Identity))
        .Append(Client)
        .Append(Cluster)
        .OfType<TlsIdentity>()
        .Distinct();
}

/// <summary>What one server presents and trusts.</summary>
internal sealed class ServerIdentities
{
    public TlsIdentity? Default { get; init; }

    public Dictionary<string, TlsIdentity> Names { get; } = new(StringComparer.OrdinalIgnoreCase);

    public X509Certificate2Collection? Roots { get; init; }

    public TlsIdentity? Select(string? serverName) =>
        serverName is not null && Names.TryGetValue(serverName, out var identity) ? identity : Default;
}

/// <summary>What one client presents and trusts; null where it goes by the process.</summary>
internal sealed record ClientIdentity(TlsIdentity? Identity, X509Certificate2Collection? Roots);
