using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RpcNet.Framing;
using RpcNet.Transports;

namespace RpcNet.Server;

/// <summary>One UDP port for several protocols: hands each connection to the handler of its ALPN.</summary>
public sealed partial class RpcListener : IAsyncDisposable
{
    private readonly ITransportListener _listener;
    private readonly Dictionary<SslApplicationProtocol, IConnectionHandler> _handlers;
    private readonly ConcurrentDictionary<Task, byte> _connections = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly ILogger _logger;
    private readonly Task _accepting;
    private Task? _disposal;

    private RpcListener(ITransportListener listener, IReadOnlyList<IConnectionHandler> handlers, ILogger logger)
    {
        _listener = listener;
        _handlers = handlers.ToDictionary(static h => h.ApplicationProtocol);
        _logger = logger;
        _accepting = AcceptAsync();
    }

    /// <summary>The address bound.</summary>
    public IPEndPoint LocalEndPoint => _listener.LocalEndPoint;

    /// <summary>Completes when the listener no longer accepts; faults when that was not asked for.</summary>
    public Task Completion => _accepting;

    /// <summary>Binds and starts to accept.</summary>
    /// <param name="transport">The engine.</param>
    /// <param name="endPoint">The address to bind.</param>
    /// <param name="tls">The server's side of TLS.</param>
    /// <param name="handlers">One for each ALPN served.</param>
    /// <param name="configure">Adjusts the transport's options; null takes the defaults.</param>
    /// <param name="loggerFactory">Where to log.</param>
    /// <param name="cancellationToken">Abandons the start.</param>
    /// <exception cref="TransportException">As <see cref="ITransport.ListenAsync"/>.</exception>
    public static async Task<RpcListener> StartAsync(
        ITransport transport,
        IPEndPoint endPoint,
        TlsServerOptions tls,
        IReadOnlyList<IConnectionHandler> handlers,
        Func<TransportListenerOptions, TransportListenerOptions>? configure = null,
        ILoggerFactory? loggerFactory = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transport);
        var options = new TransportListenerOptions
        {
            EndPoint = endPoint,
            Tls = tls,
            ApplicationProtocols = [.. handlers.Select(static h => h.ApplicationProtocol)],
            EarlyDataProtocols = [.. handlers.Where(static h => h.AcceptsEarlyData).Select(static h => h.ApplicationProtocol)],
            DefaultStreamErrorCode = RpcErrorCode.Cancelled,
            DefaultCloseErrorCode = RpcErrorCode.NoError,
        };
        var listener = await transport.ListenAsync(configure?.Invoke(options) ?? options, cancellationToken).ConfigureAwait(false);
        return new RpcListener(listener, handlers, (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<RpcListener>());
    }

    /// <summary>Stops accepting, ends the connections' handlers, closes the port.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_stopping)
        {
            _disposal ??= StopAsync();
        }

        return new ValueTask(_disposal);
    }

    private async Task StopAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.WhenAll(_connections.Keys).ConfigureAwait(false);
        await _listener.DisposeAsync().ConfigureAwait(false);
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var connection = await _listener.AcceptAsync(_stopping.Token).ConfigureAwait(false);
                var serving = Task.Run(() => ServeAsync(connection));
                _connections[serving] = 0;
                _ = serving.ContinueWith(
                    static (task, connections) => ((ConcurrentDictionary<Task, byte>)connections!).TryRemove(task, out _),
                    _connections, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // Stopped as asked.
        }
    }

    private async Task ServeAsync(ITransportConnection connection)
    {
        await using (connection.ConfigureAwait(false))
        {
            if (!_handlers.TryGetValue(connection.ApplicationProtocol, out var handler))
            {
                LogProtocolNotServed(_logger, connection.RemoteEndPoint, connection.ApplicationProtocol);
                await connection.CloseAsync(RpcErrorCode.ApplicationProtocolNotServed).ConfigureAwait(false);
                return;
            }

            try
            {
                await handler.HandleConnectionAsync(connection, _stopping.Token).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                LogHandlerFailed(_logger, connection.ApplicationProtocol, connection.RemoteEndPoint, e);
                await connection.CloseAsync(RpcErrorCode.InternalError).ConfigureAwait(false);
            }
        }
    }

    [LoggerMessage(1110, LogLevel.Warning, "Refused a connection from {RemoteEndPoint}: nothing here serves the protocol {Protocol}")]
    private static partial void LogProtocolNotServed(ILogger logger, IPEndPoint remoteEndPoint, SslApplicationProtocol protocol);

    [LoggerMessage(1111, LogLevel.Error, "Serving {Protocol} for {RemoteEndPoint} failed")]
    private static partial void LogHandlerFailed(
        ILogger logger, SslApplicationProtocol protocol, IPEndPoint remoteEndPoint, Exception exception);
}
