using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using RpcNet.Transports;

namespace RpcNet.Testing.InMemory;

public sealed partial class InMemoryTransport
{
    /// <inheritdoc />
    public async ValueTask<ITransportConnection> ConnectAsync(
        TransportConnectOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        if (options.EarlyData)
        {
            throw new NotSupportedException($"The engine {Name} cannot send early data (0-RTT); {nameof(TransportConnectOptions.EarlyData)} needs another one.");
        }

        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            ThrowIfKilled();
        }

        var (host, addresses, port) = Resolve(options.EndPoint);
        TransportException? failure = null;
        foreach (var address in addresses)
        {
            try
            {
                return await ConnectAsync(options, host, new IPEndPoint(address, port), cancellationToken).ConfigureAwait(false);
            }
            catch (TransportException e) when (e.Error is TransportError.ConnectionRefused or TransportError.HandshakeTimeout)
            {
                failure = e;
            }
        }

        throw failure ?? new TransportException(TransportError.HostNotFound, $"The host '{host}' does not resolve.");
    }

    private (string Host, IPAddress[] Addresses, int Port) Resolve(EndPoint endPoint) => endPoint switch
    {
        IPEndPoint ip => (ip.Address.ToString(), [ip.Address], ip.Port),
        DnsEndPoint dns => (dns.Host, Network.Resolve(dns.Host), dns.Port),
        _ => throw new ArgumentException($"An end point of type {endPoint.GetType()} cannot be connected to.", nameof(endPoint)),
    };

    private async ValueTask<ITransportConnection> ConnectAsync(
        TransportConnectOptions options, string host, IPEndPoint target, CancellationToken cancellationToken)
    {
        if (Network.FindListener(target) is not { } listener)
        {
            throw new TransportException(TransportError.ConnectionRefused, $"Nobody listens at {target}.");
        }

        using var timeout = new CancellationTokenSource(options.HandshakeTimeout, Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return await HandshakeAsync(options, listener, host, target, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new TransportException(
                TransportError.HandshakeTimeout, $"The handshake with {target} did not complete within {options.HandshakeTimeout}.");
        }
    }

    private async ValueTask<ITransportConnection> HandshakeAsync(
        TransportConnectOptions options,
        InMemoryListener listener,
        string host,
        IPEndPoint target,
        CancellationToken cancellationToken)
    {
        var outbound = Network.GetLink(this, listener.Transport);
        var inbound = Network.GetLink(listener.Transport, this);
        var local = LocalEndPointTowards(target.Address);
        var name = options.Tls.TargetHost ?? host;
        X509Certificate2? serverCertificate = null;
        X509Certificate2? clientCertificate = null;
        try
        {
            await outbound.TravelAsync(cancellationToken).ConfigureAwait(false);
            var protocol = ChooseProtocol(listener.Options, options, target);
            var identity = SelectServerIdentity(listener.Options.Tls, name);
            serverCertificate = WithoutKey(identity.Certificate);

            await inbound.TravelAsync(cancellationToken).ConfigureAwait(false);
            Judge(
                options.Tls.ValidateServer,
                new PeerCertificateContext(serverCertificate, identity.Intermediates, name, target),
                "server");
            var presented = listener.Options.Tls.ClientCertificates == ClientCertificateMode.None
                ? null
                : options.Tls.SelectIdentity?.Invoke();

            await outbound.TravelAsync(cancellationToken).ConfigureAwait(false);
            clientCertificate = JudgeClient(listener.Options.Tls, presented, local);
            return listener.Establish(this, options, protocol, local, target, serverCertificate, clientCertificate);
        }
        catch (Exception e)
        {
            serverCertificate?.Dispose();
            clientCertificate?.Dispose();
            if (e is TransportException refusal)
            {
                InMemoryLog.HandshakeFailed(Network.Logger, local, target, refusal.Message);
            }

            throw;
        }
    }

    private static SslApplicationProtocol ChooseProtocol(
        TransportListenerOptions listener, TransportConnectOptions client, IPEndPoint target)
    {
        foreach (var protocol in listener.ApplicationProtocols)
        {
            if (client.ApplicationProtocols.Contains(protocol))
            {
                return protocol;
            }
        }

        throw new TransportException(
            TransportError.ApplicationProtocolMismatch,
            $"{target} speaks {string.Join(", ", listener.ApplicationProtocols)}, not {string.Join(", ", client.ApplicationProtocols)}.");
    }

    private static TlsIdentity SelectServerIdentity(TlsServerOptions tls, string name)
    {
        var serverName = IPAddress.TryParse(name, out _) ? null : name;
        return tls.SelectIdentity(serverName) ?? throw new TransportException(
            TransportError.AuthenticationFailed, $"The server has no certificate for the name '{serverName}'.");
    }

    private static X509Certificate2? JudgeClient(TlsServerOptions tls, TlsIdentity? presented, IPEndPoint client)
    {
        if (presented is null)
        {
            return tls.ClientCertificates != ClientCertificateMode.Required ? null : throw new TransportException(
                TransportError.AuthenticationFailed, "The server requires a client certificate.");
        }

        var certificate = WithoutKey(presented.Certificate);
        try
        {
            Judge(tls.ValidateClient, new PeerCertificateContext(certificate, presented.Intermediates, null, client), "client");
            return certificate;
        }
        catch
        {
            certificate.Dispose();
            throw;
        }
    }

    private static void Judge(PeerCertificateValidator? validator, PeerCertificateContext context, string side)
    {
        var reason = validator is null ? "no validator accepts any" : validator(context);
        if (reason is not null)
        {
            throw new TransportException(
                TransportError.AuthenticationFailed, $"The {side}'s certificate was rejected: {reason}.");
        }
    }

    private static X509Certificate2 WithoutKey(X509Certificate2 certificate) =>
        X509CertificateLoader.LoadCertificate(certificate.RawDataMemory.Span);
}
