using System.Net.Security;
using Microsoft.Extensions.Logging;
using RpcNet.Cluster;
using RpcNet.Server;
using RpcNet.Transports;

namespace RpcNet.Hosting.Cluster;

/// <summary>
/// Lets members in: the handshake could not know that a connection would be gossip, so the certificate is judged here, by the
/// cluster's authority.
/// </summary>
internal sealed class MemberConnectionHandler(ClusterNode node, IRpcCertificates certificates, ILoggerFactory loggers) : IConnectionHandler
{
    /// <summary>"Unauthorized" in docs/wire-protocol.md.</summary>
    private const long Unauthorized = 7;

    private readonly ILogger _logger = loggers.CreateLogger(HostingLog.Category);

    public SslApplicationProtocol ApplicationProtocol => ClusterProtocol.Alpn;

    public async Task HandleConnectionAsync(ITransportConnection connection, CancellationToken cancellationToken)
    {
        if (!certificates.AllowAnonymousCluster && Complaint(connection) is { } complaint)
        {
            HostingLog.MemberRefused(_logger, connection.RemoteEndPoint, complaint);
            await connection.CloseAsync(Unauthorized, cancellationToken).ConfigureAwait(false);
            return;
        }

        await node.HandleConnectionAsync(connection, cancellationToken).ConfigureAwait(false);
    }

    private string? Complaint(ITransportConnection connection) => connection.RemoteCertificate is { } certificate
        ? certificates.ValidateMember(new PeerCertificateContext(certificate, [], TargetHost: null, connection.RemoteEndPoint))
        : "it presented no certificate";
}
