using System.Net;
using System.Net.Security;
using RpcNet.Transports;

namespace RpcNet.Hosting.Transports;

/// <summary>Turns options into what the seams take.</summary>
internal static class ConnectionSettings
{
    /// <summary>Unidirectional streams beside the lanes: control, large responses, gossip messages.</summary>
    private const int OtherStreams = 257;

    public static TransportListenerOptions Listener(TransportListenerOptions defaults, RpcNetOptions options) => new()
    {
        EndPoint = defaults.EndPoint,
        Tls = defaults.Tls,
        ApplicationProtocols = defaults.ApplicationProtocols,
        DefaultStreamErrorCode = defaults.DefaultStreamErrorCode,
        DefaultCloseErrorCode = defaults.DefaultCloseErrorCode,
        Backlog = options.Listen.Backlog,
        IdleTimeout = options.Transport.IdleTimeout,
        KeepAliveInterval = options.Transport.KeepAliveInterval,
        HandshakeTimeout = options.Transport.HandshakeTimeout,
        MaxInboundBidirectionalStreams = Math.Min(options.Server.Limits.CallsPerConnection, ushort.MaxValue),
        MaxInboundUnidirectionalStreams = options.Server.Limits.Lanes + OtherStreams,
        StreamReceiveWindow = options.Transport.StreamReceiveWindow,
        ConnectionReceiveWindow = options.Transport.ConnectionReceiveWindow,
    };

    public static TransportConnectOptions Member(
        EndPoint peer, SslApplicationProtocol protocol, RpcNetOptions options, IRpcCertificates certificates) => new()
    {
        EndPoint = peer,
        ApplicationProtocols = [protocol],
        Tls = new TlsClientOptions
        {
            TargetHost = certificates.ClusterTargetHost,
            SelectIdentity = () => certificates.ClusterIdentity,
            ValidateServer = certificates.ValidateMember,
        },
        IdleTimeout = options.Transport.IdleTimeout,
        KeepAliveInterval = options.Transport.KeepAliveInterval,
        HandshakeTimeout = options.Cluster.Connections.ConnectTimeout,
        MaxInboundBidirectionalStreams = 0,
        MaxInboundUnidirectionalStreams = 0,
    };

    public static TlsServerOptions ServerTls(IRpcCertificates certificates) => new()
    {
        SelectIdentity = certificates.GetServerIdentity,
        ClientCertificates = certificates.ValidateClient is null ? ClientCertificateMode.None : ClientCertificateMode.Requested,
        ValidateClient = certificates.ValidateClient,
    };
}
