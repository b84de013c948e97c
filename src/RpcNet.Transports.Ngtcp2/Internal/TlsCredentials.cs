using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>A certificate and key in GnuTLS. Made once per identity and kept as long as that identity or a session uses it.</summary>
internal sealed unsafe class TlsCredentials : SafeHandle
{
    private static readonly ConditionalWeakTable<TlsIdentity, TlsCredentials> s_cache = [];
    private static readonly Lazy<TlsCredentials> s_anonymous = new(() => new TlsCredentials());
    private static readonly Lazy<nint> s_priority = new(CreatePriority);

    // QUIC forbids the compatibility mode of TLS 1.3 (RFC 9001 section 8.4).
    private static ReadOnlySpan<byte> PriorityText =>
        "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1:%DISABLE_TLS13_COMPAT_MODE\0"u8;

    private TlsCredentials()
        : base(0, ownsHandle: true)
    {
        nint credentials;
        Check(GnuTls.CertificateAllocateCredentials(&credentials), "allocate credentials");
        SetHandle(credentials);
    }

    public override bool IsInvalid => handle == 0;

    /// <summary>Credentials without a certificate.</summary>
    public static TlsCredentials Anonymous => s_anonymous.Value;

    /// <summary>The cipher suites and groups of every session.</summary>
    public static nint Priority => s_priority.Value;

    public static TlsCredentials For(TlsIdentity identity) => s_cache.GetValue(identity, Create);

    public static void Check(int result, string what)
    {
        if (result < 0)
        {
            throw new TransportException(TransportError.Internal, $"GnuTLS failed to {what}: {GnuTls.Text(result)}");
        }
    }

    protected override bool ReleaseHandle()
    {
        GnuTls.CertificateFreeCredentials(handle);
        return true;
    }

    private static nint CreatePriority()
    {
        nint priority;
        fixed (byte* text = PriorityText)
        {
            Check(GnuTls.PriorityInit(&priority, text, null), "set up its priorities");
        }

        return priority;
    }

    private static TlsCredentials Create(TlsIdentity identity)
    {
        var result = new TlsCredentials();
        var chain = new List<X509Certificate2> { identity.Certificate };
        chain.AddRange(identity.Intermediates);
        var certificates = new nint[chain.Count];
        nint key = 0;
        try
        {
            for (var i = 0; i < certificates.Length; i++)
            {
                nint certificate;
                Check(GnuTls.X509CrtInit(&certificate), "allocate a certificate");
                certificates[i] = certificate;
                fixed (byte* data = chain[i].RawData)
                {
                    var datum = new GnuTlsDatum { Data = data, Size = (uint)chain[i].RawData.Length };
                    Check(GnuTls.X509CrtImport(certificate, &datum, GnuTls.FormatDer), "read the certificate");
                }
            }

            key = ImportKey(identity.Certificate);
            fixed (nint* list = certificates)
            {
                Check(GnuTls.CertificateSetX509Key(result.handle, list, certificates.Length, key), "use the certificate's key");
            }

            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
        finally
        {
            foreach (var certificate in certificates)
            {
                if (certificate != 0)
                {
                    GnuTls.X509CrtDeinit(certificate);
                }
            }

            if (key != 0)
            {
                GnuTls.X509PrivateKeyDeinit(key);
            }
        }
    }

    private static nint ImportKey(X509Certificate2 certificate)
    {
        byte[] exported;
        using (var rsa = certificate.GetRSAPrivateKey())
        using (var ecdsa = certificate.GetECDsaPrivateKey())
        {
            var algorithm = (AsymmetricAlgorithm?)rsa ?? ecdsa ?? throw new TransportException(
                TransportError.AuthenticationFailed,
                $"The key of the certificate '{certificate.Subject}' is neither RSA nor ECDSA.");
            try
            {
                exported = algorithm.ExportPkcs8PrivateKey();
            }
            catch (CryptographicException e)
            {
                throw new TransportException(
                    TransportError.AuthenticationFailed,
                    $"The private key of the certificate '{certificate.Subject}' cannot be exported: {e.Message}",
                    innerException: e);
            }
        }

        nint key;
        Check(GnuTls.X509PrivateKeyInit(&key), "allocate a key");
        try
        {
            fixed (byte* data = exported)
            {
                var datum = new GnuTlsDatum { Data = data, Size = (uint)exported.Length };
                Check(GnuTls.X509PrivateKeyImportPkcs8(key, &datum, GnuTls.FormatDer, null, GnuTls.PkcsPlain), "read the private key");
            }

            return key;
        }
        catch
        {
            GnuTls.X509PrivateKeyDeinit(key);
            throw;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(exported);
        }
    }
}
