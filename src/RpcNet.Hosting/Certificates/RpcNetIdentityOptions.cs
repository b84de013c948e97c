using System.Security.Cryptography.X509Certificates;
using RpcNet.Transports;

namespace RpcNet.Hosting;

/// <summary>
/// A certificate with its private key, from one of four sources: PEM files (Path and KeyPath), a PKCS #12 file (PfxPath), the
/// operating system's store (Store), or code (<see cref="UseCallback"/>).
/// </summary>
public class RpcNetIdentityOptions
{
    private Func<CancellationToken, ValueTask<TlsIdentity>>? _callback;

    /// <summary>A PEM file: the certificate first, then the intermediates that are sent along.</summary>
    /// <value>A path, relative to the content root; null (the default) for none.</value>
    public string? Path { get; set; }

    /// <summary>A PEM file with the private key of <see cref="Path"/>.</summary>
    /// <value>A path, relative to the content root; null (the default): the key is in the file that Path names.</value>
    public string? KeyPath { get; set; }

    /// <summary>A PKCS #12 file with certificate, key and intermediates, instead of Path and KeyPath.</summary>
    /// <value>A path, relative to the content root; null (the default) for none.</value>
    public string? PfxPath { get; set; }

    /// <summary>The password of the PKCS #12 file or of an encrypted PEM key. Keep it out of files: set it by environment or secret store.</summary>
    /// <value>Default null: none.</value>
    public string? Password { get; set; }

    /// <summary>A certificate of the operating system's store, instead of files.</summary>
    public RpcNetCertificateStoreOptions Store { get; set; } = new();

    internal bool HasFiles => Path is { Length: > 0 } || PfxPath is { Length: > 0 } || KeyPath is { Length: > 0 };

    internal bool IsSet => HasFiles || Store.IsSet || _callback is not null;

    /// <summary>Takes the identity from code, such as from a secret store.</summary>
    /// <remarks>
    /// It is asked at the start and then every RpcNet:Certificates:ReloadInterval, so it should answer from a cache; a certificate
    /// with another thumbprint is used by new connections. When it throws at the start, the host does not start; later, the
    /// certificate it gave before stays in force and the error is logged.
    /// </remarks>
    /// <returns>These options.</returns>
    public RpcNetIdentityOptions UseCallback(Func<CancellationToken, ValueTask<TlsIdentity>> callback)
    {
        ArgumentNullException.ThrowIfNull(callback);
        _callback = callback;
        return this;
    }

    // A method, since the configuration binder takes every property for a setting.
    internal Func<CancellationToken, ValueTask<TlsIdentity>>? GetCallback() => _callback;

    /// <summary>Takes the callback of other options over, for whoever binds a section anew.</summary>
    internal void CopyCallback(RpcNetIdentityOptions from) => _callback = from._callback;
}

/// <summary>Which certificate of the operating system's store. Section <c>Store</c> of an identity.</summary>
/// <remarks>Of several that fit, the valid one that expires last is taken, so a renewed one is found by its subject.</remarks>
public sealed class RpcNetCertificateStoreOptions
{
    /// <summary>Whose store.</summary>
    /// <value>CurrentUser (default) or LocalMachine, which has no private certificates on Linux.</value>
    public StoreLocation Location { get; set; } = StoreLocation.CurrentUser;

    /// <summary>The store's name.</summary>
    /// <value>Default "My".</value>
    public string Name { get; set; } = "My";

    /// <summary>The certificate's SHA-1 thumbprint in hexadecimal digits.</summary>
    /// <value>Null (the default): found by its subject.</value>
    public string? Thumbprint { get; set; }

    /// <summary>The certificate's subject, whole ("CN=a.example") or its common name alone.</summary>
    /// <value>Null (the default): found by its thumbprint.</value>
    public string? Subject { get; set; }

    internal bool IsSet => Thumbprint is { Length: > 0 } || Subject is { Length: > 0 };
}
