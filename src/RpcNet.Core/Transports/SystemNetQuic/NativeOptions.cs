using System.Net;
using System.Net.Quic;
using System.Net.Security;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Versioning;
using System.Security.Authentication;
using Microsoft.Extensions.Logging;

namespace RpcNet.Transports.SystemNetQuic;

/// <summary>Translates the seam's options.</summary>
[SupportedOSPlatform("linux")]
[SupportedOSPlatform("macos")]
[SupportedOSPlatform("windows")]
internal static class NativeOptions
{
    // Building a context builds a chain, which is too much for each handshake.
    private static readonly ConditionalWeakTable<TlsIdentity, SslStreamCertificateContext> Contexts = [];

    public static QuicClientConnectionOptions ForClient(
        TransportConnectOptions options, string host, IPEndPoint target, CertificateJudge judge)
    {
        var native = new QuicClientConnectionOptions
        {
            RemoteEndPoint = target,
            ClientAuthenticationOptions = new SslClientAuthenticationOptions
            {
                ApplicationProtocols = [.. options.ApplicationProtocols],
                TargetHost = options.Tls.TargetHost ?? host,
                RemoteCertificateValidationCallback = judge.Accept,
                ClientCertificateContext = options.Tls.SelectIdentity?.Invoke() is { } identity ? ContextOf(identity) : null,
            },
        };
        Apply(options, native);
        return native;
    }

    public static QuicServerConnectionOptions ForServer(
        TransportListenerOptions options, IPEndPoint client, string serverName, ILogger logger)
    {
        var name = serverName.Length == 0 ? null : serverName;
        if (options.Tls.SelectIdentity(name) is not { } identity)
        {
            SystemNetQuicLog.NoIdentity(logger, client, name);
            throw new AuthenticationException($"There is no certificate for the name '{name}'.");
        }

        var mode = options.Tls.ClientCertificates;
        var judge = new CertificateJudge(
            options.Tls.ValidateClient, targetHost: null, client, acceptAbsent: mode != ClientCertificateMode.Required);
        var native = new QuicServerConnectionOptions
        {
            ServerAuthenticationOptions = new SslServerAuthenticationOptions
            {
                ApplicationProtocols = [.. options.ApplicationProtocols],
                ServerCertificateContext = ContextOf(identity),

                // Asks for a certificate; whether one must come is the judge's decision.
                ClientCertificateRequired = mode != ClientCertificateMode.None,
                RemoteCertificateValidationCallback = mode == ClientCertificateMode.None
                    ? null
                    : (sender, certificate, chain, errors) =>
                    {
                        var accepted = judge.Accept(sender, certificate, chain, errors);
                        if (judge.Rejection is { } reason)
                        {
                            SystemNetQuicLog.ClientRejected(logger, client, reason);
                        }

                        return accepted;
                    },
            },
        };
        Apply(options, native);
        return native;
    }

    private static void Apply(TransportConnectionOptions options, QuicConnectionOptions native)
    {
        var window = (int)BitOperations.RoundUpToPowerOf2((uint)options.StreamReceiveWindow);
        if (window > options.StreamReceiveWindow)
        {
            window >>= 1;
        }

        native.IdleTimeout = options.IdleTimeout;
        native.KeepAliveInterval = options.KeepAliveInterval;
        native.HandshakeTimeout = options.HandshakeTimeout;
        native.DefaultStreamErrorCode = options.DefaultStreamErrorCode;
        native.DefaultCloseErrorCode = options.DefaultCloseErrorCode;
        native.MaxInboundBidirectionalStreams = options.MaxInboundBidirectionalStreams;
        native.MaxInboundUnidirectionalStreams =
            options.MaxInboundBidirectionalStreams == 0 && options.MaxInboundUnidirectionalStreams == 0
                ? 1
                : options.MaxInboundUnidirectionalStreams;
        native.InitialReceiveWindowSizes = new QuicReceiveWindowSizes
        {
            Connection = options.ConnectionReceiveWindow,
            LocallyInitiatedBidirectionalStream = window,
            RemotelyInitiatedBidirectionalStream = window,
            UnidirectionalStream = window,
        };
    }

    private static SslStreamCertificateContext ContextOf(TlsIdentity identity) => Contexts.GetValue(
        identity,
        static i => SslStreamCertificateContext.Create(i.Certificate, [.. i.Intermediates], offline: true));
}
