using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RpcNet.LoadTest.Systems;

/// <summary>The certificate of a load test's server: made in its memory, known to its client by its bytes.</summary>
internal static class LoadCertificate
{
    public static X509Certificate2 Create()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = DateTimeOffset.UtcNow;
        using var certificate = request.CreateSelfSigned(now.AddHours(-1), now.AddDays(7));

        // TLS on some platforms refuses keys that live in memory alone; a round trip through PKCS #12 cures that.
        return X509CertificateLoader.LoadPkcs12(
            certificate.Export(X509ContentType.Pkcs12), password: null, X509KeyStorageFlags.Exportable);
    }

    /// <summary>Whether the certificate shown is the one expected.</summary>
    public static bool IsExpected(X509Certificate? shown, ServerAddress address) =>
        shown is not null && shown.GetRawCertData().AsSpan().SequenceEqual(Convert.FromBase64String(address.Certificate));
}
