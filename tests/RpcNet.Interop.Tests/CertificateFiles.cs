using System.Security.Cryptography.X509Certificates;
using RpcNet.Testing;

namespace RpcNet.Interop.Tests;

/// <summary>The test certificates as PEM files, for peers of other languages.</summary>
public sealed class CertificateFiles : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rpcnet-interop-");

    public CertificateFiles()
    {
        File.WriteAllText(Roots, TestCertificates.Shared.Authority.ExportCertificatePem());
        File.WriteAllText(Certificate, TestCertificates.Shared.Server.Certificate.ExportCertificatePem());
        using var key = TestCertificates.Shared.Server.Certificate.GetECDsaPrivateKey()!;
        File.WriteAllText(Key, key.ExportPkcs8PrivateKeyPem());
        using var stranger = new TestCertificates();
        File.WriteAllText(OtherRoots, stranger.Authority.ExportCertificatePem());
    }

    public string Roots => Path.Combine(_folder.FullName, "roots.pem");

    /// <summary>Roots that did not issue the server's certificate.</summary>
    public string OtherRoots => Path.Combine(_folder.FullName, "other-roots.pem");

    public string Certificate => Path.Combine(_folder.FullName, "server.pem");

    public string Key => Path.Combine(_folder.FullName, "server-key.pem");

    public void Dispose() => _folder.Delete(recursive: true);
}
