using System.Net.Security;
using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RpcNet.Framing;
using RpcNet.Server.Internal;
using RpcNet.Transports;

namespace RpcNet.Server;

/// <summary>Serves calls on the connections that a listener hands to it.</summary>
/// <remarks>All members may be called concurrently. The owner drains it, then stops the listener.</remarks>
public sealed class RpcServer : IConnectionHandler
{
    private readonly ConcurrentDictionary<ServerConnection, byte> _connections = new();
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private int _callsInFlight;
    private volatile string? _draining;

    /// <summary>Creates the server.</summary>
    public RpcServer(
        RpcServiceMap services, RpcServerOptions options, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(options);
        Services = services;
        Options = options;
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<RpcServer>();
        _time = timeProvider ?? TimeProvider.System;
        Serializers = new IRpcSerializer?[256];
        foreach (var serializer in options.Serializers)
        {
            Serializers[serializer.CodecId] = serializer;
        }

        var pipelines = new FilterPipelines(options.Filters);
        foreach (var method in services.Methods)
        {
            method.Compose(pipelines);
        }
    }

    /// <inheritdoc/>
    public SslApplicationProtocol ApplicationProtocol => RpcProtocol.Alpn;

    /// <summary>Calls running on all connections.</summary>
    public int CallsInFlight => Volatile.Read(ref _callsInFlight);

    /// <summary>Open connections.</summary>
    public int Connections => _connections.Count;

    internal RpcServiceMap Services { get; }

    internal RpcServerOptions Options { get; }

    internal IRpcSerializer?[] Serializers { get; }

    internal string? DrainReason => _draining;

    /// <inheritdoc/>
    public async Task HandleConnectionAsync(ITransportConnection connection, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(connection);
        var serving = new ServerConnection(this, connection, _time, _logger);
        _connections[serving] = 0;
        try
        {
            await serving.RunAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _connections.TryRemove(serving, out _);
        }
    }

    /// <summary>
    /// Tells every client to make no new calls, refuses those that come nevertheless (safe to send elsewhere), and waits
    /// until the running ones are done. After <paramref name="timeout"/> it cancels them and returns all the same.
    /// </summary>
    /// <returns>Whether every call completed within the time.</returns>
    public async Task<bool> DrainAsync(string reason, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        _draining = reason;
        foreach (var connection in _connections.Keys)
        {
            await connection.SendGoAwayAsync(reason).ConfigureAwait(false);
        }

        using var limit = new CancellationTokenSource(timeout, _time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var drained = true;
        try
        {
            foreach (var connection in _connections.Keys)
            {
                await connection.WaitUntilIdleAsync(linked.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            drained = false;
        }

        foreach (var connection in _connections.Keys)
        {
            await connection.CloseAsync(RpcErrorCode.Draining).ConfigureAwait(false);
        }

        return drained;
    }

    internal bool TryEnterCall()
    {
        if (Interlocked.Increment(ref _callsInFlight) <= Options.MaxConcurrentCalls)
        {
            return true;
        }

        Interlocked.Decrement(ref _callsInFlight);
        return false;
    }

    internal void ExitCall() => Interlocked.Decrement(ref _callsInFlight);
}
