using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace RpcNet.Transports;

/// <summary>The usual judgements of a peer's certificate.</summary>
public static class CertificateValidators
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    /// <summary>Accepts what chains to the operating system's roots and, for a server, bears the target's name.</summary>
    public static PeerCertificateValidator SystemTrust { get; } = context => Validate(context, customRoots: null);

    /// <summary>
    /// Accepts what chains to one of <paramref name="roots"/> and, for a server, bears the target's name. A self-signed
    /// certificate may be its own root. Revocation is not checked.
    /// </summary>
    public static PeerCertificateValidator CustomTrust(Func<X509Certificate2Collection> roots)
    {
        ArgumentNullException.ThrowIfNull(roots);
        return context => Validate(context, roots());
    }

    private static string? Validate(PeerCertificateContext context, X509Certificate2Collection? customRoots)
    {
        if (context.TargetHost is { } host && !context.Certificate.MatchesHostname(host, allowWildcards: true))
        {
            return $"the certificate '{context.Certificate.Subject}' is not valid for the name '{host}'";
        }

        using var chain = new X509Chain();
        var policy = chain.ChainPolicy;
        policy.RevocationMode = X509RevocationMode.NoCheck;
        policy.DisableCertificateDownloads = true;
        policy.ApplicationPolicy.Add(new Oid(context.TargetHost is null ? ClientAuthentication : ServerAuthentication));
        foreach (var intermediate in context.Intermediates)
        {
            policy.ExtraStore.Add(intermediate);
        }

        if (customRoots is not null)
        {
            policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            policy.CustomTrustStore.AddRange(customRoots);
        }

        try
        {
            if (chain.Build(context.Certificate))
            {
                return null;
            }

            var status = string.Join("; ", chain.ChainStatus.Select(s => s.StatusInformation.Trim()));
            return $"the certificate '{context.Certificate.Subject}' is not trusted: {status}";
        }
        catch (CryptographicException e)
        {
            return $"the certificate '{context.Certificate.Subject}' cannot be checked: {e.Message}";
        }
        finally
        {
            foreach (var element in chain.ChainElements)
            {
                if (!ReferenceEquals(element.Certificate, context.Certificate))
                {
                    element.Certificate.Dispose();
                }
            }
        }
    }
}
