using System.Collections.Concurrent;
using System.Net;
using System.Net.Quic;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace RpcNet.Transports.SystemNetQuic;

/// <summary>
/// A connection whose inbound streams are pumped all the time, since System.Net.Quic tells of a connection's end nowhere
/// but in a pending accept. The queue holds as many streams as the peer may open, so the pump never waits for a reader.
/// </summary>
[SupportedOSPlatform("linux")]
[SupportedOSPlatform("macos")]
[SupportedOSPlatform("windows")]
internal sealed class SystemNetQuicConnection : ITransportConnection
{
    private readonly QuicConnection _native;
    private readonly TransportConnectionOptions _options;
    private readonly BoundPorts.Lease? _listenersPort;
    private readonly ILogger _logger;
    private readonly Channel<QuicStream> _inbound;
    private readonly TaskCompletionSource<TransportException> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentDictionary<Task, byte> _streamDisposals = new();

    // A native open that is cancelled while the peer's limit holds it back takes its stream id along, and the limit never
    // comes to the next one. So none is cancelled: the next caller goes on with an abandoned one.
    private readonly ConcurrentQueue<Task<QuicStream>>[] _abandonedOpens = [new(), new()];
    private readonly Task _pump;
    private readonly Lock _gate = new();
    private Task? _closing;
    private Task? _disposing;

    public SystemNetQuicConnection(
        QuicConnection native, TransportConnectionOptions options, BoundPorts.Lease? listenersPort, ILogger logger)
    {
        _native = native;
        _options = options;
        _listenersPort = listenersPort;
        _logger = logger;
        LocalEndPoint = native.LocalEndPoint;
        RemoteCertificate = native.RemoteCertificate as X509Certificate2;
        var capacity = options.MaxInboundBidirectionalStreams + options.MaxInboundUnidirectionalStreams;
        _inbound = Channel.CreateBounded<QuicStream>(new BoundedChannelOptions(Math.Max(capacity, 1)) { SingleWriter = true });
        _pump = PumpAsync();
    }

    public SslApplicationProtocol ApplicationProtocol => _native.NegotiatedApplicationProtocol;

    public IPEndPoint LocalEndPoint { get; }

    public IPEndPoint RemoteEndPoint => _native.RemoteEndPoint;

    public X509Certificate2? RemoteCertificate { get; }

    public Task<TransportException> Closed => _closed.Task;

    internal long DefaultStreamErrorCode => _options.DefaultStreamErrorCode;

    public async ValueTask<ITransportStream> OpenStreamAsync(
        TransportStreamDirection direction, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfClosed();
        var opening = _abandonedOpens[(int)direction].TryDequeue(out var abandoned) ? abandoned : StartOpen(direction);
        try
        {
            return new SystemNetQuicStream(this, await opening.WaitAsync(cancellationToken).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            _abandonedOpens[(int)direction].Enqueue(opening);
            throw new OperationCanceledException(cancellationToken);
        }
        catch (Exception e) when (IsEnd(e))
        {
            throw await EndOfAsync(ErrorMapping.OfConnection(e, RemoteEndPoint)).ConfigureAwait(false);
        }
    }

    public async ValueTask<ITransportStream> AcceptStreamAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfClosed();
        try
        {
            return new SystemNetQuicStream(this, await _inbound.Reader.ReadAsync(cancellationToken).ConfigureAwait(false));
        }
        catch (ChannelClosedException)
        {
            throw (await Closed.ConfigureAwait(false)).Again();
        }
    }

    public async ValueTask CloseAsync(long errorCode, CancellationToken cancellationToken = default)
    {
        ErrorCodes.ThrowIfInvalid(errorCode);
        cancellationToken.ThrowIfCancellationRequested();
        await CloseOnce(errorCode).WaitAsync(cancellationToken).ConfigureAwait(false);
        await Closed.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            return new(_disposing ??= DisposeOnceAsync());
        }
    }

    /// <summary>Frees a stream without making its owner wait for the peer's acknowledgements.</summary>
    internal void Release(QuicStream stream)
    {
        var disposal = ReleaseAsync(stream);
        if (!disposal.IsCompleted)
        {
            _streamDisposals.TryAdd(disposal, 0);
            disposal.ContinueWith(
                static (done, all) => ((ConcurrentDictionary<Task, byte>)all!).TryRemove(done, out _),
                _streamDisposals,
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }
    }

    /// <summary>Whether an exception tells that the native object has ended, rather than that it was misused.</summary>
    internal static bool IsEnd(Exception e) =>
        e is QuicException or ObjectDisposedException or AuthenticationException or SocketException;

    /// <summary>
    /// What ended a call: where the native error says no more than that the operation was aborted, the connection's own end
    /// says why, unless <paramref name="abortedHere"/> explains it.
    /// </summary>
    internal async ValueTask<TransportException> EndOfAsync(TransportException e, bool abortedHere = false)
    {
        if (abortedHere || e.Error is TransportError.StreamAborted)
        {
            return e;
        }

        return e.Error is TransportError.Disposed or TransportError.Internal || Closed.IsCompleted
            ? (await Closed.ConfigureAwait(false)).Again()
            : e;
    }

    private async Task PumpAsync()
    {
        while (true)
        {
            QuicStream stream;
            try
            {
                stream = await _native.AcceptInboundStreamAsync().ConfigureAwait(false);
            }
            catch (Exception e)
            {
                _closed.TrySetResult(IsEnd(e)
                    ? ErrorMapping.OfConnection(e, _native.RemoteEndPoint)
                    : new TransportException(TransportError.Internal, $"System.Net.Quic failed: {e.Message}", innerException: e));
                _inbound.Writer.Complete();
                return;
            }

            var unwanted = _options.MaxInboundBidirectionalStreams == 0 && _options.MaxInboundUnidirectionalStreams == 0;
            if (unwanted || !_inbound.Writer.TryWrite(stream))
            {
                Release(stream);
            }
        }
    }

    private Task<QuicStream> StartOpen(TransportStreamDirection direction)
    {
        var type = direction == TransportStreamDirection.Bidirectional ? QuicStreamType.Bidirectional : QuicStreamType.Unidirectional;
        var opening = _native.OpenOutboundStreamAsync(type, CancellationToken.None).AsTask();
        if (!opening.IsCompleted)
        {
            opening.ContinueWith(
                static failed => _ = failed.Exception,
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }

        return opening;
    }

    private Task CloseOnce(long errorCode)
    {
        lock (_gate)
        {
            return _closing ??= _disposing is null ? CloseAsync() : Task.CompletedTask;
        }

        async Task CloseAsync()
        {
            try
            {
                await _native.CloseAsync(errorCode, CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception e) when (Closed.IsCompleted && IsEnd(e))
            {
                // It had ended by itself; Closed says why.
            }
        }
    }

    private async Task DisposeOnceAsync()
    {
        await _native.DisposeAsync().ConfigureAwait(false);
        await _pump.ConfigureAwait(false);
        while (_inbound.Reader.TryRead(out var untaken))
        {
            Release(untaken);
        }

        foreach (var abandoned in _abandonedOpens.SelectMany(opens => opens))
        {
            if (abandoned.IsCompletedSuccessfully)
            {
                Release(abandoned.Result);
            }
        }

        await Task.WhenAll(_streamDisposals.Keys).ConfigureAwait(false);
        _listenersPort?.Dispose();
        RemoteCertificate?.Dispose();
    }

    private async Task ReleaseAsync(QuicStream stream)
    {
        try
        {
            await stream.DisposeAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            SystemNetQuicLog.StreamDisposalFailed(_logger, e, stream.Id);
        }
    }

    private void ThrowIfClosed()
    {
        if (Closed.IsCompletedSuccessfully)
        {
            throw Closed.Result.Again();
        }
    }
}
