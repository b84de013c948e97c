using RpcNet.Transports;

namespace RpcNet.Hosting;

/// <summary>The identities that this process presents and its judgements of others'.</summary>
/// <remarks>
/// The default reads the files of RpcNet:Certificates. An application whose certificates come from elsewhere registers its own
/// before AddRpcNet. All members may be called concurrently, for each handshake; they must not block for long.
/// </remarks>
public interface IRpcCertificates
{
    /// <summary>What a client presents to servers; null for nothing.</summary>
    TlsIdentity? ClientIdentity { get; }

    /// <summary>What a member presents to other members, in both directions; null for nothing.</summary>
    TlsIdentity? ClusterIdentity { get; }

    /// <summary>Whether members need no client certificate.</summary>
    bool AllowAnonymousCluster { get; }

    /// <summary>The name that every member's certificate bears; null when each bears its node's address.</summary>
    string? ClusterTargetHost { get; }

    /// <summary>Judges the servers that this process calls.</summary>
    PeerCertificateValidator ValidateServer { get; }

    /// <summary>Judges the clients that present a certificate, members of the cluster included; null accepts none.</summary>
    PeerCertificateValidator? ValidateClient { get; }

    /// <summary>Judges the members of the cluster, at both ends.</summary>
    PeerCertificateValidator ValidateMember { get; }

    /// <summary>What this process presents to clients that ask for the name; null refuses them.</summary>
    /// <param name="serverName">The name in the client's SNI; null when it sent none.</param>
    TlsIdentity? GetServerIdentity(string? serverName);

    /// <summary>What one of several servers presents to clients that ask for a name; null refuses them.</summary>
    /// <param name="serverName">The name in the client's SNI; null when it sent none.</param>
    /// <param name="server">The server's name: a key of <c>RpcNet:Servers</c>.</param>
    TlsIdentity? GetServerIdentity(string? serverName, string server) => GetServerIdentity(serverName);

    /// <summary>Judges the clients of one of several servers that present a certificate; null accepts none.</summary>
    /// <param name="server">The server's name: a key of <c>RpcNet:Servers</c>.</param>
    PeerCertificateValidator? GetClientValidator(string server) => ValidateClient;

    /// <summary>What one of the clients presents to the servers that it calls; null for nothing.</summary>
    /// <param name="client">The client's name: a key of <c>RpcNet:Clients</c>.</param>
    TlsIdentity? GetClientIdentity(string client) => ClientIdentity;

    /// <summary>Judges the servers that one of the clients calls.</summary>
    /// <param name="client">The client's name: a key of <c>RpcNet:Clients</c>.</param>
    PeerCertificateValidator GetServerValidator(string client) => ValidateServer;

    /// <summary>Reads the certificates; called once, before anything listens or connects.</summary>
    /// <param name="serves">Whether this process listens and so needs an identity.</param>
    /// <param name="member">Whether this process is a member of a cluster.</param>
    /// <param name="cancellationToken">Abandons the start.</param>
    /// <exception cref="RpcNetStartupException">A certificate is missing, unreadable, mismatched or expired; the message has all problems.</exception>
    ValueTask LoadAsync(bool serves, bool member, CancellationToken cancellationToken);
}
