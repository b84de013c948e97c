using System.Net;
using System.Net.Security;
using RpcNet.Transports;

namespace RpcNet.Hosting.Transports;

/// <summary>Turns options into what the seams take.</summary>
internal static class ConnectionSettings
{
    /// <summary>Unidirectional streams beside the lanes: control, large responses, gossip messages.</summary>
    private const int OtherStreams = 257;

    public static TransportListenerOptions Listener(
        TransportListenerOptions defaults, RpcNetListenOptions listen, RpcNetServerOptions server, RpcNetTransportOptions transport) => new()
    {
        EndPoint = defaults.EndPoint,
        Tls = defaults.Tls,
        ApplicationProtocols = defaults.ApplicationProtocols,
        EarlyDataProtocols = defaults.EarlyDataProtocols,
        DefaultStreamErrorCode = defaults.DefaultStreamErrorCode,
        DefaultCloseErrorCode = defaults.DefaultCloseErrorCode,
        Backlog = listen.Backlog,
        IdleTimeout = transport.IdleTimeout,
        KeepAliveInterval = transport.KeepAliveInterval,
        HandshakeTimeout = transport.HandshakeTimeout,
        MaxInboundBidirectionalStreams = Math.Min(server.Limits.CallsPerConnection, ushort.MaxValue),
        MaxInboundUnidirectionalStreams = server.Limits.Lanes + OtherStreams,
        StreamReceiveWindow = transport.StreamReceiveWindow,
        ConnectionReceiveWindow = transport.ConnectionReceiveWindow,
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
        MaxInboundUnidirectionalStreams = OtherStreams,
    };

    /// <param name="certificates">The identities and the judgement.</param>
    /// <param name="server">The server's name; null for the process's own.</param>
    public static TlsServerOptions ServerTls(IRpcCertificates certificates, string? server)
    {
        var validate = server is null ? certificates.ValidateClient : certificates.GetClientValidator(server);
        return new TlsServerOptions
        {
            SelectIdentity = server is null ? certificates.GetServerIdentity : name => certificates.GetServerIdentity(name, server),
            ClientCertificates = validate is null ? ClientCertificateMode.None : ClientCertificateMode.Requested,
            ValidateClient = validate,
        };
    }
}
