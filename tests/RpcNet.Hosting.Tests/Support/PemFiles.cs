using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RpcNet.Testing;
using RpcNet.Transports;

namespace RpcNet.Hosting.Tests.Support;

/// <summary>Writes test identities into files.</summary>
internal static class PemFiles
{
    /// <summary>A certificate of the test authority for servers and clients alike, valid from 2020 to 2049.</summary>
    public static TlsIdentity Both { get; } = MakeBoth();

    public static void WriteCertificate(string path, TlsIdentity identity) =>
        File.WriteAllText(path, identity.Certificate.ExportCertificatePem());

    public static void WriteKey(string path, TlsIdentity identity, string? password = null)
    {
        using var key = identity.Certificate.GetECDsaPrivateKey()!;
        File.WriteAllText(
            path,
            password is null
                ? key.ExportPkcs8PrivateKeyPem()
                : key.ExportEncryptedPkcs8PrivateKeyPem(password, new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000)));
    }

    public static void WriteAuthority(string path) => File.WriteAllText(path, TestCertificates.Shared.Authority.ExportCertificatePem());

    /// <summary>A further certificate of the test authority for a server.</summary>
    public static X509Certificate2 Renewed(string name) => Make(name, [4, 5, 6]);

    private static TlsIdentity MakeBoth() => new(Make("both", [1, 2, 3]));

    private static X509Certificate2 Make(string name, byte[] serial)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], critical: false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(
            TestCertificates.Shared.Authority, new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2049, 1, 1, 0, 0, 0, TimeSpan.Zero), serial);
        using var withKey = certificate.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
    }
}
