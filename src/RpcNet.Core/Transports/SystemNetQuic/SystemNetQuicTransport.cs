using System.Net;
using System.Net.Quic;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Authentication;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RpcNet.Transports.SystemNetQuic;

namespace RpcNet.Transports;

/// <summary>The engine over System.Net.Quic, and so over msquic: part of Windows, a package on Linux and macOS.</summary>
/// <remarks>
/// msquic wants stream windows that are powers of two: <see cref="TransportConnectionOptions.StreamReceiveWindow"/> is
/// rounded down to one. Where both inbound stream limits are 0, the peer may open one unidirectional stream, which is
/// stopped at once: System.Net.Quic reports the end of a connection only to a caller that accepts streams. Listeners of one
/// process with different ALPNs may share a port.
/// </remarks>
public sealed class SystemNetQuicTransport : ITransport
{
    private const int ProbeAttempts = 100;

    private static readonly TimeSpan s_probeInterval = TimeSpan.FromMilliseconds(10);

    private readonly ILogger _logger;

    /// <summary>Creates the transport.</summary>
    /// <param name="loggers">Where failed handshakes are logged.</param>
    public SystemNetQuicTransport(ILoggerFactory? loggers = null) =>
        _logger = (loggers ?? NullLoggerFactory.Instance).CreateLogger<SystemNetQuicTransport>();

    /// <summary>Whether msquic and TLS 1.3 are present on this machine.</summary>
    [SupportedOSPlatformGuard("linux")]
    [SupportedOSPlatformGuard("macos")]
    [SupportedOSPlatformGuard("windows")]
    public static bool IsSupported =>
        (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS() || OperatingSystem.IsWindows()) && QuicListener.IsSupported;

    /// <summary>Why <see cref="IsSupported"/> is false, and what to install; null when it is true.</summary>
    public static string? UnsupportedReason =>
        IsSupported ? null
        : OperatingSystem.IsWindows() ? "System.Net.Quic needs Windows 11, Windows Server 2022 or later, with TLS 1.3 enabled"
        : OperatingSystem.IsMacOS() ? "System.Net.Quic needs libmsquic, which cannot be loaded: brew install libmsquic"
        : OperatingSystem.IsLinux()
            ? "System.Net.Quic needs libmsquic, which cannot be loaded: add Microsoft's package feed for this distribution, "
                + "then apt-get install libmsquic (Debian, Ubuntu) or dnf install libmsquic (Fedora, RHEL)"
        : "System.Net.Quic does not exist on this operating system";

    /// <inheritdoc />
    public string Name => "SystemNetQuic";

    /// <inheritdoc />
    public async ValueTask<ITransportListener> ListenAsync(
        TransportListenerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        cancellationToken.ThrowIfCancellationRequested();
        return IsSupported ? await ListenNativeAsync(options, cancellationToken).ConfigureAwait(false) : throw Unavailable();
    }

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
        if (!IsSupported)
        {
            throw Unavailable();
        }

        var (host, addresses, port) = await ResolveAsync(options.EndPoint, cancellationToken).ConfigureAwait(false);
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

        throw failure ?? new TransportException(TransportError.HostNotFound, $"The host '{host}' has no address.");
    }

    [SupportedOSPlatform("linux")]
    [SupportedOSPlatform("macos")]
    [SupportedOSPlatform("windows")]
    private async ValueTask<ITransportListener> ListenNativeAsync(
        TransportListenerOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await ProbeAsync(options.EndPoint, cancellationToken).ConfigureAwait(false);
            var listener = await QuicListener.ListenAsync(
                new QuicListenerOptions
                {
                    ListenEndPoint = options.EndPoint,
                    ApplicationProtocols = [.. options.ApplicationProtocols],
                    ListenBacklog = options.Backlog,
                    ConnectionOptionsCallback = (connection, hello, _) =>
                        new(NativeOptions.ForServer(options, connection.RemoteEndPoint, hello.ServerName, _logger)),
                },
                cancellationToken).ConfigureAwait(false);
            return new SystemNetQuicListener(listener, options, BoundPorts.Shared.Take(listener.LocalEndPoint.Port), _logger);
        }
        catch (Exception e) when (e is QuicException or SocketException)
        {
            throw ErrorMapping.OfListen(e, options.EndPoint);
        }
    }

    [SupportedOSPlatform("linux")]
    [SupportedOSPlatform("macos")]
    [SupportedOSPlatform("windows")]
    private async ValueTask<ITransportConnection> ConnectAsync(
        TransportConnectOptions options, string host, IPEndPoint target, CancellationToken cancellationToken)
    {
        var judge = new CertificateJudge(
            options.Tls.ValidateServer, options.Tls.TargetHost ?? host, target, acceptAbsent: false);
        try
        {
            var native = await QuicConnection.ConnectAsync(
                NativeOptions.ForClient(options, host, target, judge), cancellationToken).ConfigureAwait(false);
            return new SystemNetQuicConnection(native, options, listenersPort: null, _logger);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (Exception e) when (e is QuicException or SocketException or AuthenticationException)
        {
            throw ErrorMapping.OfConnect(e, target, judge.Rejection);
        }
    }

    // msquic binds the wildcard address, whatever it was asked for, and lets another process share the port. A port that it
    // holds for this process, if only for connections of a listener that is gone, is left to it. It closes its sockets on
    // threads of its own: one that was ours a moment ago is waited for.
    private static async ValueTask ProbeAsync(IPEndPoint endPoint, CancellationToken cancellationToken)
    {
        for (var attempt = 1; !BoundPorts.Shared.Holds(endPoint.Port); attempt++)
        {
            using var probe = new Socket(endPoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            try
            {
                probe.Bind(endPoint);
                return;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse && attempt < ProbeAttempts)
            {
                await Task.Delay(s_probeInterval, TimeProvider.System, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static async ValueTask<(string Host, IPAddress[] Addresses, int Port)> ResolveAsync(
        EndPoint endPoint, CancellationToken cancellationToken)
    {
        switch (endPoint)
        {
            case IPEndPoint ip:
                return (ip.Address.ToString(), [ip.Address], ip.Port);
            case DnsEndPoint dns:
                try
                {
                    return (dns.Host, await Dns.GetHostAddressesAsync(dns.Host, dns.AddressFamily, cancellationToken).ConfigureAwait(false), dns.Port);
                }
                catch (SocketException e)
                {
                    throw new TransportException(
                        TransportError.HostNotFound, $"The host '{dns.Host}' does not resolve: {e.Message}", innerException: e);
                }

            default:
                throw new ArgumentException(
                    $"An end point of type {endPoint.GetType()} cannot be connected to.", nameof(endPoint));
        }
    }

    private static TransportException Unavailable() =>
        new(TransportError.EngineUnavailable, UnsupportedReason ?? "System.Net.Quic is not supported.");
}
