using System.Net;
using System.Net.Quic;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Authentication;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace RpcNet.Transports.SystemNetQuic;

/// <summary>
/// A listener that accepts all the time: System.Net.Quic keeps failed handshakes in its backlog until an accept takes them,
/// so that without one, clients with bad certificates would lock out all others.
/// </summary>
[SupportedOSPlatform("linux")]
[SupportedOSPlatform("macos")]
[SupportedOSPlatform("windows")]
internal sealed class SystemNetQuicListener : ITransportListener
{
    private readonly QuicListener _native;
    private readonly TransportListenerOptions _options;
    private readonly BoundPorts.Lease _port;
    private readonly ILogger _logger;
    private readonly Channel<SystemNetQuicConnection> _ready;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly Task _pump;
    private long _failedHandshakes;
    private Task? _disposing;

    public SystemNetQuicListener(QuicListener native, TransportListenerOptions options, BoundPorts.Lease port, ILogger logger)
    {
        _native = native;
        _options = options;
        _port = port;
        _logger = logger;
        _ready = Channel.CreateBounded<SystemNetQuicConnection>(new BoundedChannelOptions(options.Backlog) { SingleWriter = true });
        LocalEndPoint = native.LocalEndPoint;
        _pump = PumpAsync();
    }

    public IPEndPoint LocalEndPoint { get; }

    public async ValueTask<ITransportConnection> AcceptAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            return await _ready.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException e) when (e.InnerException is { } failure)
        {
            throw new TransportException(
                TransportError.Internal, $"The listener at {LocalEndPoint} has failed: {failure.Message}", innerException: failure);
        }
        catch (ChannelClosedException)
        {
            throw new TransportException(TransportError.Disposed, $"The listener at {LocalEndPoint} was disposed.");
        }
    }

    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            return new(_disposing ??= DisposeOnceAsync());
        }
    }

    private async Task PumpAsync()
    {
        Exception? failure = null;
        while (failure is null && !_stop.IsCancellationRequested)
        {
            try
            {
                var native = await _native.AcceptConnectionAsync(_stop.Token).ConfigureAwait(false);
                await OfferAsync(new SystemNetQuicConnection(native, _options, _port.Again(), _logger)).ConfigureAwait(false);
            }
            catch (Exception) when (_stop.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e) when (e is QuicException or AuthenticationException or SocketException or OperationCanceledException)
            {
                SystemNetQuicLog.HandshakeFailed(_logger, e, LocalEndPoint, Interlocked.Increment(ref _failedHandshakes));
            }
            catch (Exception e)
            {
                SystemNetQuicLog.ListenerFailed(_logger, e, LocalEndPoint);
                failure = e;
            }
        }

        _ready.Writer.Complete(failure);
    }

    private async ValueTask OfferAsync(SystemNetQuicConnection connection)
    {
        try
        {
            await _ready.Writer.WriteAsync(connection, _stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task DisposeOnceAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _pump.ConfigureAwait(false);
        await _native.DisposeAsync().ConfigureAwait(false);
        while (_ready.Reader.TryRead(out var untaken))
        {
            await untaken.DisposeAsync().ConfigureAwait(false);
        }

        _port.Dispose();
        _stop.Dispose();
    }
}
