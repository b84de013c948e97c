using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace RpcNet.Transports.SystemNetQuic;

/// <summary>Asks the seam's validator inside the TLS handshake and remembers its reason for a rejection.</summary>
internal sealed class CertificateJudge(
    PeerCertificateValidator? validator, string? targetHost, EndPoint remoteEndPoint, bool acceptAbsent)
{
    private volatile string? _rejection;

    /// <summary>Why the peer was rejected; null when it was not.</summary>
    public string? Rejection => _rejection;

    public bool Accept(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        _rejection = certificate switch
        {
            null => acceptAbsent ? null : "the peer presented no certificate",
            X509Certificate2 leaf when validator is not null => Judge(validator, leaf, chain),
            _ => "no validator accepts any certificate",
        };
        return _rejection is null;
    }

    // The chain's extra store holds what the peer sent; what Windows put into the chain by itself does no harm.
    private string? Judge(PeerCertificateValidator judge, X509Certificate2 leaf, X509Chain? chain)
    {
        IReadOnlyList<X509Certificate2> intermediates = chain is null ? [] : [.. chain.ChainPolicy.ExtraStore];
        return judge(new PeerCertificateContext(leaf, intermediates, targetHost, remoteEndPoint));
    }
}
