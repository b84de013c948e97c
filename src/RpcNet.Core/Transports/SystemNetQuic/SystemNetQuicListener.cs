using System.Net;
using System.Net.Quic;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Authentication;
using Microsoft.Extensions.Logging;

namespace RpcNet.Transports.SystemNetQuic;

[SupportedOSPlatform("linux")]
[SupportedOSPlatform("macos")]
[SupportedOSPlatform("windows")]
internal sealed class SystemNetQuicListener : ITransportListener
{
    private readonly QuicListener _native;
    private readonly TransportListenerOptions _options;
    private readonly ILogger _logger;
    private long _failedHandshakes;
    private volatile bool _disposed;

    public SystemNetQuicListener(QuicListener native, TransportListenerOptions options, ILogger logger)
    {
        _native = native;
        _options = options;
        _logger = logger;
        LocalEndPoint = native.LocalEndPoint;
    }

    public IPEndPoint LocalEndPoint { get; }

    public async ValueTask<ITransportConnection> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (_disposed)
            {
                throw Disposed(inner: null);
            }

            try
            {
                var connection = await _native.AcceptConnectionAsync(cancellationToken).ConfigureAwait(false);
                return new SystemNetQuicConnection(connection, _options, _logger);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(cancellationToken);
            }
            catch (Exception e) when (_disposed || e is ObjectDisposedException)
            {
                throw Disposed(e);
            }
            catch (Exception e) when (e is QuicException or AuthenticationException or SocketException or OperationCanceledException)
            {
                SystemNetQuicLog.HandshakeFailed(_logger, e, LocalEndPoint, Interlocked.Increment(ref _failedHandshakes));
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        _disposed = true;
        return _native.DisposeAsync();
    }

    private TransportException Disposed(Exception? inner) =>
        new(TransportError.Disposed, $"The listener at {LocalEndPoint} was disposed.", innerException: inner);
}
