using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RpcNet.Transports;

namespace RpcNet.Hosting.Certificates;

/// <summary>Reads certificates from files; every failure names the setting, its value and what to do.</summary>
internal static class CertificateFiles
{
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    /// <param name="options">Which files.</param>
    /// <param name="key">The configuration section of <paramref name="options"/>, for messages.</param>
    /// <param name="root">What relative paths start from.</param>
    /// <param name="now">To judge the validity.</param>
    /// <exception cref="RpcNetStartupException">The files cannot be used.</exception>
    public static TlsIdentity LoadIdentity(RpcNetIdentityOptions options, string key, string root, DateTimeOffset now)
    {
        var identity = options.PfxPath is { Length: > 0 } ? LoadPfx(options, key, root) : LoadPem(options, key, root);
        var setting = options.PfxPath is { Length: > 0 } pfx ? $"{key}:PfxPath = '{pfx}'" : $"{key}:Path = '{options.Path}'";
        CheckValidity(identity.Certificate, setting, now);
        return identity;
    }

    /// <exception cref="RpcNetStartupException">The file cannot be used.</exception>
    public static X509Certificate2Collection LoadAuthorities(string path, string key, string root, DateTimeOffset now)
    {
        var setting = $"{key}:TrustedCaPath = '{path}'";
        var text = ReadText(Resolve(root, path), setting);
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPem(text);
        }
        catch (CryptographicException e)
        {
            throw new RpcNetStartupException($"{setting}: the file holds no readable PEM certificates ({Sentence(e)}).", e);
        }

        if (authorities.Count == 0)
        {
            throw new RpcNetStartupException($"{setting}: the file holds no PEM certificate; it must have the authority's \"BEGIN CERTIFICATE\" block.");
        }

        if (authorities.All(a => a.NotAfter.ToUniversalTime() < now.UtcDateTime))
        {
            CheckValidity(authorities[0], setting, now);
        }

        return authorities;
    }

    /// <summary>Whether servers accept the certificate from a client: it has that usage, or none is named.</summary>
    public static bool AllowsClientAuthentication(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().FirstOrDefault() is not { } usages
        || usages.EnhancedKeyUsages.Cast<Oid>().Any(static o => o.Value == ClientAuthentication);

    public static string Resolve(string root, string path) => Path.GetFullPath(path, root);

    /// <summary>
    /// The certificate with a key that every TLS library can use: through PKCS #12, since a key that was attached to a
    /// certificate cannot be exported everywhere.
    /// </summary>
    public static X509Certificate2 WithExportableKey(X509Certificate2 certificate) =>
        X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), password: null, X509KeyStorageFlags.Exportable);

    private static TlsIdentity LoadPem(RpcNetIdentityOptions options, string key, string root)
    {
        var setting = $"{key}:Path = '{options.Path}'";
        var path = Resolve(root, options.Path!);
        var text = ReadText(path, setting);
        var chain = new X509Certificate2Collection();
        try
        {
            chain.ImportFromPem(text);
        }
        catch (CryptographicException e)
        {
            throw new RpcNetStartupException($"{setting}: the file holds no readable PEM certificate ({Sentence(e)}).", e);
        }

        if (chain.Count == 0)
        {
            throw new RpcNetStartupException($"{setting}: the file holds no PEM certificate; it must begin with the certificate's \"BEGIN CERTIFICATE\" block.");
        }

        var keySetting = options.KeyPath is { Length: > 0 } ? $"{key}:KeyPath = '{options.KeyPath}'" : setting;
        var keyText = options.KeyPath is { Length: > 0 } keyPath ? ReadText(Resolve(root, keyPath), keySetting) : text;
        try
        {
            using var attached = options.Password is { Length: > 0 } password
                ? X509Certificate2.CreateFromEncryptedPem(chain[0].ExportCertificatePem(), keyText, password)
                : X509Certificate2.CreateFromPem(chain[0].ExportCertificatePem(), keyText);
            return new TlsIdentity(WithExportableKey(attached), [.. chain.Skip(1)]);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new RpcNetStartupException(
                keyText.Contains("PRIVATE KEY", StringComparison.Ordinal)
                    ? $"{keySetting}: the private key does not belong to the certificate {setting}, or cannot be read"
                        + $"{(keyText.Contains("ENCRYPTED", StringComparison.Ordinal) ? $" with {key}:Password" : string.Empty)} ({Sentence(e)})."
                    : $"{keySetting}: the file holds no private key; set {key}:KeyPath to the PEM file with the certificate's \"PRIVATE KEY\" block.",
                e);
        }
    }

    private static TlsIdentity LoadPfx(RpcNetIdentityOptions options, string key, string root)
    {
        var setting = $"{key}:PfxPath = '{options.PfxPath}'";
        var bytes = Read(Resolve(root, options.PfxPath!), setting, File.ReadAllBytes);
        try
        {
            var all = X509CertificateLoader.LoadPkcs12Collection(bytes, options.Password, X509KeyStorageFlags.Exportable);
            return all.FirstOrDefault(static c => c.HasPrivateKey) is { } leaf
                ? new TlsIdentity(leaf, [.. all.Where(c => !ReferenceEquals(c, leaf))])
                : throw new RpcNetStartupException($"{setting}: the file holds no certificate with a private key.");
        }
        catch (CryptographicException e)
        {
            throw new RpcNetStartupException($"{setting}: the file is no PKCS #12 file, or {key}:Password is wrong ({Sentence(e)}).", e);
        }
    }

    public static void CheckValidity(X509Certificate2 certificate, string setting, DateTimeOffset now)
    {
        if (certificate.NotAfter.ToUniversalTime() < now.UtcDateTime)
        {
            throw new RpcNetStartupException(
                $"{setting}: the certificate '{certificate.Subject}' expired on {certificate.NotAfter.ToUniversalTime():u}; put a valid one in its place.");
        }

        if (certificate.NotBefore.ToUniversalTime() > now.UtcDateTime)
        {
            throw new RpcNetStartupException(
                $"{setting}: the certificate '{certificate.Subject}' is valid only from {certificate.NotBefore.ToUniversalTime():u}; check it and this machine's clock.");
        }
    }

    private static string ReadText(string path, string setting) => Read(path, setting, File.ReadAllText);

    private static T Read<T>(string path, string setting, Func<string, T> read)
    {
        try
        {
            return read(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new RpcNetStartupException($"{setting}: there is no file {path}; correct the path or put the file there.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RpcNetStartupException($"{setting}: {path} cannot be read ({Sentence(e)}); check its permissions.", e);
        }
    }

    public static string Sentence(Exception e) => e.Message.ReplaceLineEndings(" ").TrimEnd('.', ' ');
}
