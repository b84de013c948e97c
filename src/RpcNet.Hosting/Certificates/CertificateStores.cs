using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RpcNet.Transports;

namespace RpcNet.Hosting.Certificates;

/// <summary>Finds identities in the operating system's certificate stores.</summary>
internal static class CertificateStores
{
    /// <param name="options">Which certificate of which store.</param>
    /// <param name="key">The configuration section of <paramref name="options"/>, for messages.</param>
    /// <param name="now">To judge the validity.</param>
    /// <exception cref="RpcNetStartupException">There is none, or it cannot be used.</exception>
    public static TlsIdentity Load(RpcNetCertificateStoreOptions options, string key, DateTimeOffset now)
    {
        var found = Find(options, key, now);
        return new TlsIdentity(Usable(found, SettingOf(options, key)), [.. Intermediates(found)]);
    }

    /// <summary>Looks for the certificate alone; as <see cref="Load"/> otherwise.</summary>
    /// <exception cref="RpcNetStartupException">There is none, or it is not valid.</exception>
    public static X509Certificate2 Find(RpcNetCertificateStoreOptions options, string key, DateTimeOffset now)
    {
        var setting = SettingOf(options, key);
        using var store = new X509Store(options.Name, options.Location);
        try
        {
            store.Open(OpenFlags.ReadOnly | OpenFlags.OpenExistingOnly);
        }
        catch (CryptographicException e)
        {
            throw new RpcNetStartupException(
                $"{setting}: the store {options.Location}/{options.Name} cannot be opened ({CertificateFiles.Sentence(e)}); check {key}:Location and {key}:Name.", e);
        }

        var fitting = store.Certificates.Where(c => Fits(c, options)).ToList();
        var best = fitting.Where(static c => c.HasPrivateKey)
            .OrderByDescending(c => c.NotBefore.ToUniversalTime() <= now.UtcDateTime)
            .ThenByDescending(static c => c.NotAfter)
            .FirstOrDefault();
        if (best is null)
        {
            throw new RpcNetStartupException(fitting.Count == 0
                ? $"{setting}: the store {options.Location}/{options.Name} has no such certificate; import it there, or correct the setting."
                : $"{setting}: the certificate in the store {options.Location}/{options.Name} has no private key; import it with its key.");
        }

        CertificateFiles.CheckValidity(best, setting, now);
        return best;
    }

    private static string SettingOf(RpcNetCertificateStoreOptions options, string key) => options.Thumbprint is { Length: > 0 } thumbprint
        ? $"{key}:Thumbprint = '{thumbprint}'"
        : $"{key}:Subject = '{options.Subject}'";

    private static bool Fits(X509Certificate2 certificate, RpcNetCertificateStoreOptions options) =>
        (options.Thumbprint is not { Length: > 0 } thumbprint || certificate.Thumbprint.Equals(thumbprint.Replace(" ", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase))
        && (options.Subject is not { Length: > 0 } subject
            || certificate.Subject.Equals(subject, StringComparison.OrdinalIgnoreCase)
            || certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false).Equals(subject, StringComparison.OrdinalIgnoreCase));

    private static X509Certificate2 Usable(X509Certificate2 certificate, string setting)
    {
        if (OperatingSystem.IsWindows())
        {
            // The platform's TLS uses keys that stay in the store.
            return certificate;
        }

        try
        {
            return CertificateFiles.WithExportableKey(certificate);
        }
        catch (CryptographicException e)
        {
            throw new RpcNetStartupException(
                $"{setting}: the certificate's private key cannot be exported from the store ({CertificateFiles.Sentence(e)}); import it as exportable, or use files.", e);
        }
    }

    /// <summary>The authorities between the certificate and its root that this machine's stores know.</summary>
    private static IEnumerable<X509Certificate2> Intermediates(X509Certificate2 leaf)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.VerificationFlags = X509VerificationFlags.AllFlags;
        chain.Build(leaf);
        return [.. chain.ChainElements.Skip(1).Select(static e => e.Certificate).Where(static c => c.Subject != c.Issuer)];
    }
}
