using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RpcNet.Transports;

namespace RpcNet.Testing;

/// <summary>
/// A certificate authority made in memory, and what it issues: identities for tests of TLS, good ones and bad ones.
/// All keys are ECDSA P-256 and exportable. Good certificates are valid from 2020 to 2049, whatever the clock says.
/// </summary>
/// <remarks>Thread-safe. Disposal frees every certificate; <see cref="Shared"/> lives as long as the process.</remarks>
public sealed class TestCertificates : IDisposable
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private static readonly DateTimeOffset AuthorityFrom = new(2000, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset From = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset Until = new(2049, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly Lazy<TestCertificates> SharedInstance = new(() => new TestCertificates());

    private readonly List<X509Certificate2> _owned = [];

    /// <summary>Makes an authority and its certificates.</summary>
    public TestCertificates()
    {
        Authority = CreateAuthority("RpcNet test authority");
        var stranger = CreateAuthority("RpcNet test stranger");
        var intermediate = Own(CreateIntermediate("RpcNet test intermediate"));

        Server = IssueServer("localhost");
        OtherServer = IssueServer("other.test");
        WrongNameServer = Issue(Authority, "wrong.test", ["wrong.test"], [], ServerAuthentication, From, Until);
        ExpiredServer = Issue(
            Authority, "localhost", ["localhost"], Loopback, ServerAuthentication, AuthorityFrom, AuthorityFrom.AddYears(1));
        UntrustedServer = Issue(stranger, "localhost", ["localhost"], Loopback, ServerAuthentication, From, Until);
        IntermediateServer = new TlsIdentity(
            Issue(intermediate, "localhost", ["localhost"], Loopback, ServerAuthentication, From, Until).Certificate,
            [intermediate]);

        Client = IssueClient("client");
        ExpiredClient = Issue(Authority, "client", [], [], ClientAuthentication, AuthorityFrom, AuthorityFrom.AddYears(1));
        UntrustedClient = Issue(stranger, "client", [], [], ClientAuthentication, From, Until);
    }

    /// <summary>One set for the whole process, made on first use.</summary>
    public static TestCertificates Shared => SharedInstance.Value;

    /// <summary>The root certificate, with its key.</summary>
    public X509Certificate2 Authority { get; }

    /// <summary>A new collection that holds the root, for <see cref="CertificateValidators.CustomTrust"/>.</summary>
    public X509Certificate2Collection Roots => [Authority];

    /// <summary>Accepts what <see cref="Authority"/> issued.</summary>
    public PeerCertificateValidator Trust => CertificateValidators.CustomTrust(() => Roots);

    /// <summary>Valid for localhost, 127.0.0.1 and ::1.</summary>
    public TlsIdentity Server { get; }

    /// <summary>Valid for other.test, 127.0.0.1 and ::1.</summary>
    public TlsIdentity OtherServer { get; }

    /// <summary>Valid for localhost, 127.0.0.1 and ::1; issued by an intermediate that is sent along.</summary>
    public TlsIdentity IntermediateServer { get; }

    /// <summary>Trusted, but for the name wrong.test alone.</summary>
    public TlsIdentity WrongNameServer { get; }

    /// <summary>Trusted once; expired in 2001.</summary>
    public TlsIdentity ExpiredServer { get; }

    /// <summary>Right names, issued by an authority that nobody trusts.</summary>
    public TlsIdentity UntrustedServer { get; }

    /// <summary>A valid client.</summary>
    public TlsIdentity Client { get; }

    /// <summary>A client whose certificate expired in 2001.</summary>
    public TlsIdentity ExpiredClient { get; }

    /// <summary>A client certificate issued by an authority that nobody trusts.</summary>
    public TlsIdentity UntrustedClient { get; }

    private static IPAddress[] Loopback => [IPAddress.Loopback, IPAddress.IPv6Loopback];

    /// <summary>Issues a further server certificate for <paramref name="name"/>, 127.0.0.1 and ::1.</summary>
    public TlsIdentity IssueServer(string name, params IReadOnlyCollection<IPAddress> addresses) =>
        Issue(Authority, name, [name], [.. Loopback, .. addresses], ServerAuthentication, From, Until);

    /// <summary>Issues a further client certificate.</summary>
    public TlsIdentity IssueClient(string commonName) =>
        Issue(Authority, commonName, [], [], ClientAuthentication, From, Until);

    /// <inheritdoc />
    public void Dispose()
    {
        lock (_owned)
        {
            foreach (var certificate in _owned)
            {
                certificate.Dispose();
            }

            _owned.Clear();
        }
    }

    private X509Certificate2 CreateAuthority(string commonName)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = AuthorityRequest(commonName, key, pathLength: 1);
        using var certificate = request.CreateSelfSigned(AuthorityFrom, Until);
        return Own(Exportable(certificate));
    }

    private X509Certificate2 CreateIntermediate(string commonName)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = AuthorityRequest(commonName, key, pathLength: 0);
        using var certificate = request.Create(Authority, AuthorityFrom, Until, SerialNumber());
        using var withKey = certificate.CopyWithPrivateKey(key);
        return Exportable(withKey);
    }

    private static CertificateRequest AuthorityRequest(string commonName, ECDsa key, int pathLength)
    {
        var request = new CertificateRequest($"CN={commonName}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(
            certificateAuthority: true, hasPathLengthConstraint: true, pathLength, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(
            X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return request;
    }

    private TlsIdentity Issue(
        X509Certificate2 issuer,
        string commonName,
        IReadOnlyCollection<string> names,
        IReadOnlyCollection<IPAddress> addresses,
        string usage,
        DateTimeOffset from,
        DateTimeOffset until)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={commonName}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(
            certificateAuthority: false, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(usage)], critical: false));
        request.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(issuer, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        if (names.Count + addresses.Count > 0)
        {
            var alternatives = new SubjectAlternativeNameBuilder();
            foreach (var name in names)
            {
                alternatives.AddDnsName(name);
            }

            foreach (var address in addresses)
            {
                alternatives.AddIpAddress(address);
            }

            request.CertificateExtensions.Add(alternatives.Build());
        }

        using var certificate = request.Create(issuer, from, until, SerialNumber());
        using var withKey = certificate.CopyWithPrivateKey(key);
        return new TlsIdentity(Own(Exportable(withKey)));
    }

    // RFC 5280 section 4.1.2.2: positive, at most 20 octets.
    private static byte[] SerialNumber()
    {
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] = (byte)((serial[0] & 0x7F) | 0x40);
        return serial;
    }

    // Through PKCS #12, since a key attached with CopyWithPrivateKey cannot be used by every TLS library on every system.
    private static X509Certificate2 Exportable(X509Certificate2 certificate) =>
        X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), password: null, X509KeyStorageFlags.Exportable);

    private X509Certificate2 Own(X509Certificate2 certificate)
    {
        lock (_owned)
        {
            _owned.Add(certificate);
        }

        return certificate;
    }
}
