using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;

namespace RpcNet.Hosting.Certificates;

/// <summary>
/// An authority and one certificate for this machine, made on the first run and shared by all processes that use the directory.
/// </summary>
/// <remarks>
/// Whoever finds nothing usable takes the lock file, looks again, and writes: a process that was slower finds the winner's. Every
/// file appears by a rename, so no reader sees a half of one; a reader that sees old and new files mixed finds them mismatched and
/// waits for the lock.
/// </remarks>
internal sealed class DevelopmentCertificates(string directory, TimeProvider time, ILogger logger)
{
    /// <summary>The authority's name, by which such certificates are kept out of production.</summary>
    public const string AuthorityName = "CN=RpcNet development authority";

    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private static readonly TimeSpan AuthorityLifetime = TimeSpan.FromDays(3650);
    private static readonly TimeSpan CertificateLifetime = TimeSpan.FromDays(365);
    private static readonly TimeSpan RenewBefore = TimeSpan.FromDays(7);
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LockRetry = TimeSpan.FromMilliseconds(50);

    public string AuthorityPath { get; } = Path.Combine(directory, "dev-ca.pem");

    public string CertificatePath { get; } = Path.Combine(directory, "dev-cert.pem");

    public string KeyPath { get; } = Path.Combine(directory, "dev-key.pem");

    private string AuthorityKeyPath { get; } = Path.Combine(directory, "dev-ca-key.pem");

    /// <summary>Makes what is missing or about to expire; returns when all files are there and fit together.</summary>
    /// <exception cref="IOException">The directory cannot be written, or another process holds the lock for ever.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be written.</exception>
    public async Task EnsureAsync(CancellationToken cancellationToken)
    {
        if (IsUsable())
        {
            return;
        }

        Directory.CreateDirectory(directory);
        var held = await LockAsync(cancellationToken).ConfigureAwait(false);
        await using (held.ConfigureAwait(false))
        {
            if (!IsUsable())
            {
                Make();
                HostingLog.DevelopmentCertificatesMade(logger, directory);
            }
        }
    }

    private static X509Certificate2? TryLoad(string certificatePath, string keyPath)
    {
        try
        {
            return X509Certificate2.CreateFromPemFile(certificatePath, keyPath);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            // Missing, damaged or mixed: to be made anew.
            return null;
        }
    }

    private static bool Chains(X509Certificate2 leaf, X509Certificate2 authority, DateTimeOffset at)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.VerificationTime = at.UtcDateTime;
        return chain.Build(leaf);
    }

    // RFC 5280 section 4.1.2.2: positive, at most 20 octets.
    private static byte[] SerialNumber()
    {
        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] = (byte)((serial[0] & 0x7F) | 0x40);
        return serial;
    }

    private static void WriteAtomically(string path, string text, bool isPrivate)
    {
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite
                | (isPrivate ? UnixFileMode.None : UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        }

        using (var writer = new StreamWriter(temporary, options))
        {
            writer.Write(text);
        }

        File.Move(temporary, path, overwrite: true);
    }

    private bool IsUsable()
    {
        using var leaf = TryLoad(CertificatePath, KeyPath);
        using var authority = TryLoadAuthority(needKey: false);
        return leaf is not null && authority is not null && Chains(leaf, authority, time.GetUtcNow() + RenewBefore);
    }

    private X509Certificate2? TryLoadAuthority(bool needKey)
    {
        if (needKey)
        {
            return TryLoad(AuthorityPath, AuthorityKeyPath);
        }

        try
        {
            return X509CertificateLoader.LoadCertificateFromFile(AuthorityPath);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            // Missing or damaged: to be made anew.
            return null;
        }
    }

    private async Task<FileStream> LockAsync(CancellationToken cancellationToken)
    {
        var path = Path.Combine(directory, ".lock");
        var started = time.GetTimestamp();
        while (true)
        {
            try
            {
                // The system gives the lock back when its holder dies.
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (time.GetElapsedTime(started) < LockPatience)
            {
                await Task.Delay(LockRetry, time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private void Make()
    {
        var now = time.GetUtcNow();
        var from = now.AddMinutes(-5);
        var authority = TryLoadAuthority(needKey: true);
        try
        {
            if (authority is null || authority.NotAfter.ToUniversalTime() < now.UtcDateTime + CertificateLifetime)
            {
                authority?.Dispose();
                authority = MakeAuthority(from, now + AuthorityLifetime);
            }

            MakeCertificate(authority, from, now + CertificateLifetime);
        }
        finally
        {
            authority?.Dispose();
        }
    }

    private X509Certificate2 MakeAuthority(DateTimeOffset from, DateTimeOffset until)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(AuthorityName, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(
            certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(
            X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        var authority = request.CreateSelfSigned(from, until);
        WriteAtomically(AuthorityKeyPath, key.ExportPkcs8PrivateKeyPem(), isPrivate: true);
        WriteAtomically(AuthorityPath, authority.ExportCertificatePem(), isPrivate: false);
        return authority;
    }

    private void MakeCertificate(X509Certificate2 authority, DateTimeOffset from, DateTimeOffset until)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=RpcNet development", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(
            certificateAuthority: false, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [new Oid(ServerAuthentication), new Oid(ClientAuthentication)], critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(
            authority, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        names.AddIpAddress(IPAddress.IPv6Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(authority, from, until, SerialNumber());
        WriteAtomically(KeyPath, key.ExportPkcs8PrivateKeyPem(), isPrivate: true);
        WriteAtomically(CertificatePath, certificate.ExportCertificatePem(), isPrivate: false);
    }
}
