using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace RpcNet.Transports;

/// <summary>A certificate with its exportable private key, and the intermediates sent along with it.</summary>
public sealed class TlsIdentity
{
    /// <summary>Creates the identity. The caller keeps ownership of the certificates.</summary>
    /// <exception cref="ArgumentException">The certificate has no private key.</exception>
    public TlsIdentity(X509Certificate2 certificate, IReadOnlyList<X509Certificate2>? intermediates = null)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        if (!certificate.HasPrivateKey)
        {
            throw new ArgumentException($"The certificate '{certificate.Subject}' has no private key.", nameof(certificate));
        }

        Certificate = certificate;
        Intermediates = intermediates ?? [];
    }

    /// <summary>The leaf certificate with its private key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>Intermediates, leaf's issuer first.</summary>
    public IReadOnlyList<X509Certificate2> Intermediates { get; }
}

/// <summary>Whether a listener asks for a client certificate.</summary>
public enum ClientCertificateMode
{
    /// <summary>Ask; accept a client that has none. What is presented must be valid.</summary>
    Requested,

    /// <summary>Refuse a client that has none.</summary>
    Required,

    /// <summary>Do not ask.</summary>
    None,
}

/// <summary>The server's side of TLS.</summary>
public sealed class TlsServerOptions
{
    /// <summary>
    /// Gives the identity for the name in the client's SNI (null when it sent none); called once a handshake, so that
    /// a reloaded certificate is used from the next handshake on. Null refuses the handshake. May be called concurrently.
    /// </summary>
    public required Func<string?, TlsIdentity?> SelectIdentity { get; init; }

    /// <summary>Whether clients are asked for a certificate. Default: requested.</summary>
    public ClientCertificateMode ClientCertificates { get; init; } = ClientCertificateMode.Requested;

    /// <summary>Judges a certificate that a client presented. Null accepts none.</summary>
    public PeerCertificateValidator? ValidateClient { get; init; }
}

/// <summary>The client's side of TLS.</summary>
public sealed class TlsClientOptions
{
    /// <summary>
    /// The name sent as SNI and checked against the server's certificate; null takes the host of the endpoint. An IP
    /// address is checked against the certificate's IP names and never sent as SNI (RFC 6066 section 3).
    /// </summary>
    public string? TargetHost { get; init; }

    /// <summary>Gives the client's identity, once a handshake; null, or a null result, presents none.</summary>
    public Func<TlsIdentity?>? SelectIdentity { get; init; }

    /// <summary>Judges the server's certificate.</summary>
    public required PeerCertificateValidator ValidateServer { get; init; }
}

/// <summary>What a validator sees of a peer's certificate.</summary>
/// <param name="Certificate">The leaf.</param>
/// <param name="Intermediates">What the peer sent along with it, untrusted.</param>
/// <param name="TargetHost">The name or address that the client meant to reach; null when a server judges a client.</param>
/// <param name="RemoteEndPoint">The peer's address, for messages.</param>
public readonly record struct PeerCertificateContext(
    X509Certificate2 Certificate,
    IReadOnlyList<X509Certificate2> Intermediates,
    string? TargetHost,
    EndPoint? RemoteEndPoint);

/// <summary>Judges a peer's certificate during the handshake: null accepts, otherwise the reason for the rejection.</summary>
/// <remarks>
/// May block for chain building; engines call it where that starves nobody. A verdict that has not come within the handshake
/// time-out is one no more: the connection is closed. Must not throw, nor keep the certificates, which are the engine's.
/// </remarks>
public delegate string? PeerCertificateValidator(PeerCertificateContext context);
