using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RpcNet.Transports.Ngtcp2.Internal;

namespace RpcNet.Transports.Tests.Ngtcp2;

public sealed class CertificateCacheTests
{
    [Fact]
    public void Find_EqualBytes_GivesTheOneKept()
    {
        var cache = new CertificateCache(2);
        var certificate = Create("a");
        cache.Add(certificate.RawData, certificate);

        Assert.Same(certificate, cache.Find([.. certificate.RawData]));
        Assert.Null(cache.Find(Create("a").RawData));
    }

    [Fact]
    public void Add_Full_ForgetsTheOneUsedLongestAgo()
    {
        var cache = new CertificateCache(2);
        X509Certificate2 a = Create("a"), b = Create("b"), c = Create("c");
        cache.Add(a.RawData, a);
        cache.Add(b.RawData, b);
        Assert.NotNull(cache.Find(a.RawData));
        cache.Add(c.RawData, c);

        Assert.Null(cache.Find(b.RawData));
        Assert.Same(a, cache.Find(a.RawData));
        Assert.Same(c, cache.Find(c.RawData));
    }

    [Fact]
    public void Add_EqualOneIsKept_DisposesTheNewcomer()
    {
        var cache = new CertificateCache(2);
        var certificate = Create("a");
        var twin = X509CertificateLoader.LoadCertificate(certificate.RawData);
        cache.Add(certificate.RawData, certificate);
        cache.Add(twin.RawData, twin);

        Assert.Same(certificate, cache.Find(certificate.RawData));
        Assert.Equal(0, twin.Handle);
    }

    [Fact]
    public void Find_SomeoneDisposedIt_ForgetsIt()
    {
        var cache = new CertificateCache(2);
        X509Certificate2 before = Create("a"), after = Create("b");
        byte[] first = before.RawData, second = after.RawData;
        before.Dispose();
        cache.Add(first, before);
        cache.Add(second, after);
        after.Dispose();

        Assert.Null(cache.Find(first));
        Assert.Null(cache.Find(second));
        var again = X509CertificateLoader.LoadCertificate(second);
        cache.Add(second, again);
        Assert.Same(again, cache.Find(second));
    }

    private static X509Certificate2 Create(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(100));
    }
}
