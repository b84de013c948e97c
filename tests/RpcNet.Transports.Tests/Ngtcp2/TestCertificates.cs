using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RpcNet.Transports.Tests.Ngtcp2;

/// <summary>A certificate authority in memory and what it issued.</summary>
internal sealed class TestCertificates
{
    private static readonly DateTimeOffset s_now = DateTimeOffset.UtcNow;
    private readonly X509Certificate2 _root;

    private TestCertificates(X509Certificate2 root) => _root = root;

    public static TestCertificates Shared { get; } = Create("RpcNet test root");

    public X509Certificate2Collection Roots => [X509CertificateLoader.LoadCertificate(_root.RawData)];

    public TlsIdentity Server => field ??= Issue("localhost", client: false);

    public TlsIdentity Client => field ??= Issue("client", client: true);

    public static TestCertificates Create(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        return new TestCertificates(request.CreateSelfSigned(s_now.AddDays(-1), s_now.AddDays(30)));
    }

    public TlsIdentity Issue(string name, bool client, bool rsa = false)
    {
        using AsymmetricAlgorithm key = rsa ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = key is RSA rsaKey
            ? new CertificateRequest($"CN={name}", rsaKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            : new CertificateRequest($"CN={name}", (ECDsa)key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        names.AddIpAddress(IPAddress.Loopback);
        names.AddIpAddress(IPAddress.IPv6Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [new Oid(client ? "1.3.6.1.5.5.7.3.2" : "1.3.6.1.5.5.7.3.1")], false));
        var serial = RandomNumberGenerator.GetBytes(8);
        var generator = X509SignatureGenerator.CreateForECDsa(_root.GetECDsaPrivateKey()!);
        using var issued = request.Create(_root.SubjectName, generator, s_now.AddHours(-1), s_now.AddDays(10), serial);
        return new TlsIdentity(key is RSA r ? issued.CopyWithPrivateKey(r) : issued.CopyWithPrivateKey((ECDsa)key));
    }
}
