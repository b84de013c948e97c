using System.Net.Security;
using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RpcNet.Diagnostics;
using RpcNet.Framing;
using RpcNet.Server.Internal;
using RpcNet.Transports;

namespace RpcNet.Server;

/// <summary>Serves calls on the connections that a listener hands to it.</summary>
/// <remarks>All members may be called concurrently. The owner drains it, then stops the listener.</remarks>
public sealed class RpcServer : IConnectionHandler
{
    /// <summary>How long an idle connection stays open for the client to take its last answers and close it.</summary>
    private static readonly TimeSpan CloseGrace = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<ServerConnection, byte> _connections = new();
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _drainStarted = new();
    private int _callsInFlight;
    private int _builtInCalls;
    private volatile string? _draining;
    private volatile RpcLimits _limits;
    private volatile int _maxConcurrentCalls;

    /// <summary>Creates the server.</summary>
    public RpcServer(
        RpcServiceMap services, RpcServerOptions options, ILoggerFactory? loggerFactory = null, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(options);
        options.Limits.Validate();
        options.Compression.Validate();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxConcurrentCalls, 1);
        Services = services;
        Options = options;
        _limits = options.Limits;
        _maxConcurrentCalls = options.MaxConcurrentCalls;
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<RpcServer>();
        _time = timeProvider ?? TimeProvider.System;
        ViolationLog = new LogLimiter(_time, TimeSpan.FromSeconds(1));
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

    /// <inheritdoc/>
    public bool AcceptsEarlyData => Services.Methods.Any(static m => m.Descriptor.Replayable);

    /// <summary>
    /// Calls running on all connections; those of RpcNet's own services (named "rpcnet.…"), such as streams of load
    /// reports, do not count.
    /// </summary>
    public int CallsInFlight => Math.Max(0, Volatile.Read(ref _callsInFlight) - Volatile.Read(ref _builtInCalls));

    /// <summary>Cancelled when a drain starts: streams without an end of their own end themselves then.</summary>
    public CancellationToken DrainStarted => _drainStarted.Token;

    /// <summary>Open connections.</summary>
    public int Connections => _connections.Count;

    /// <summary>What the queues of all lanes hold of memory.</summary>
    internal long LaneBufferBytes => _connections.Keys.Sum(static c => c.LaneBufferBytes);

    /// <summary>What new connections are held to.</summary>
    internal RpcLimits Limits => _limits;

    internal int MaxConcurrentCalls => _maxConcurrentCalls;

    internal RpcServiceMap Services { get; }

    internal RpcServerOptions Options { get; }

    internal IRpcSerializer?[] Serializers { get; }

    internal string? DrainReason => _draining;

    internal LogLimiter ViolationLog { get; }

    /// <summary>
    /// Holds new connections to other limits, and admits another number of calls from now on. Open connections keep the limits that
    /// their clients were told.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">A limit is out of its range.</exception>
    public void UpdateLimits(RpcLimits limits, int maxConcurrentCalls)
    {
        ArgumentNullException.ThrowIfNull(limits);
        limits.Validate();
        ArgumentOutOfRangeException.ThrowIfLessThan(maxConcurrentCalls, 1);
        _limits = limits;
        _maxConcurrentCalls = maxConcurrentCalls;
    }

    /// <inheritdoc/>
    public async Task HandleConnectionAsync(ITransportConnection connection, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(connection);
        var serving = new ServerConnection(this, connection, _time, _logger);
        _connections[serving] = 0;
        RpcTelemetry.Add(serving);
        try
        {
            await serving.RunAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            RpcTelemetry.Remove(serving);
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
        ArgumentException.ThrowIfNullOrEmpty(reason);
        _draining = reason;
        await _drainStarted.CancelAsync().ConfigureAwait(false);
        using var limit = new CancellationTokenSource(timeout, _time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var drained = await Task.WhenAll(_connections.Keys.Select(c => DrainAsync(c, reason, linked.Token))).ConfigureAwait(false);
        return Array.TrueForAll(drained, static d => d);
    }

    private async Task<bool> DrainAsync(ServerConnection connection, string reason, CancellationToken cancellationToken)
    {
        var drained = false;
        try
        {
            await connection.SendGoAwayAsync(reason, cancellationToken).ConfigureAwait(false);
            await connection.WaitUntilIdleAsync(cancellationToken).ConfigureAwait(false);
            drained = true;

            // The client closes when it has the last answer. One that does not is not waited for long.
            await connection.Transport.Closed.WaitAsync(CloseGrace, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or TimeoutException)
        {
            await connection.CloseAsync(RpcErrorCode.Draining).ConfigureAwait(false);
        }

        return drained;
    }

    internal bool TryEnterCall(ServerMethod method)
    {
        if (Interlocked.Increment(ref _callsInFlight) <= _maxConcurrentCalls)
        {
            if (method.IsBuiltIn)
            {
                Interlocked.Increment(ref _builtInCalls);
            }

            return true;
        }

        Interlocked.Decrement(ref _callsInFlight);
        return false;
    }

    internal void ExitCall(ServerMethod method)
    {
        Interlocked.Decrement(ref _callsInFlight);
        if (method.IsBuiltIn)
        {
            Interlocked.Decrement(ref _builtInCalls);
        }
    }
}
