using RpcNet.Hosting;
using RpcNet.Transports;

namespace RpcNet.Testing.Hosting;

/// <summary>Every host presents the same identities, and all trust each other.</summary>
internal sealed class TestRpcCertificates : IRpcCertificates
{
    /// <summary>The name that the identities bear, whatever address they are met at.</summary>
    public const string Name = "localhost";

    public TlsIdentity? ClientIdentity => TestCertificates.Shared.Client;

    public TlsIdentity? ClusterIdentity => TestCertificates.Shared.Client;

    public bool AllowAnonymousCluster => false;

    public string? ClusterTargetHost => Name;

    public PeerCertificateValidator ValidateServer { get; } =
        context => TestCertificates.Shared.Trust(context with { TargetHost = context.TargetHost is null ? null : Name });

    public PeerCertificateValidator? ValidateClient => TestCertificates.Shared.Trust;

    public PeerCertificateValidator ValidateMember => TestCertificates.Shared.Trust;

    public TlsIdentity? GetServerIdentity(string? serverName) => TestCertificates.Shared.Server;

    public ValueTask LoadAsync(bool serves, bool member, CancellationToken cancellationToken) => default;
}
