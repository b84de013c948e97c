using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RpcNet.Client.Internal;
using RpcNet.Diagnostics;
using RpcNet.Transports;

namespace RpcNet.Client;

/// <summary>A client's way to one server: keeps connections to it and makes calls on them.</summary>
/// <remarks>
/// Connects on the first call (or <see cref="ConnectAsync"/>) and again, with back-off and jitter, when a connection is
/// lost. Calls in flight on a lost connection fail with <see cref="RpcStatusCode.Unavailable"/>, and
/// <see cref="RpcFaultException.MayHaveExecuted"/> says whether the handler can have run. All members may be called
/// concurrently.
/// </remarks>
public sealed partial class RpcChannel : RpcInvoker, IAsyncDisposable
{
    private readonly RpcChannelOptions _options;
    private readonly TimeProvider _time;
    private readonly ChannelConnection[] _connections;
    private readonly RpcPeer _peer;
    private uint _next;

    /// <summary>Creates a channel; nothing connects yet.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    /// <exception cref="NotSupportedException"><see cref="RpcChannelOptions.EarlyData"/> is on, and the engine cannot do it.</exception>
    public RpcChannel(
        ITransport transport,
        RpcChannelOptions options,
        ILoggerFactory? loggerFactory = null,
        TimeProvider? timeProvider = null,
        Random? random = null)
    {
        ArgumentNullException.ThrowIfNull(transport);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Connections, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Connections, 64);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.ConnectTimeout, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(options.MaxReconnectDelay, TimeSpan.Zero);
        options.Limits.Validate();
        options.Compression.Validate();
        if (options.EarlyData && !transport.SupportsEarlyData)
        {
            throw new NotSupportedException(
                $"{nameof(RpcChannelOptions)}.{nameof(options.EarlyData)}: the engine in use, {transport.Name}, cannot send early data (0-RTT). Take Ngtcp2, or leave it off.");
        }

        _options = options;
        _peer = RpcPeer.From(options.EndPoint);
        _time = timeProvider ?? TimeProvider.System;
        var logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<RpcChannel>();
        random ??= new Random(unchecked((int)_time.GetTimestamp()));
        _connections = new ChannelConnection[options.Connections];
        for (var i = 0; i < _connections.Length; i++)
        {
            _connections[i] = new ChannelConnection(transport, options, _time, new Random(random.Next()), logger)
            {
                StateChanged = (state, reason) => StateChanged?.Invoke(this, new RpcChannelStateChange(state, reason)),
            };
        }

        _pipelines = new FilterPipelines(options.Filters);
    }

    /// <summary>A connection changed its state. Handlers must not block.</summary>
    public event EventHandler<RpcChannelStateChange>? StateChanged;

    /// <summary>Whether a connection takes calls.</summary>
    public bool IsReady => Array.Exists(_connections, static c => c.Ready is not null);

    /// <summary>Calls in flight on this channel, streams not counted.</summary>
    public int CallsInFlight => _connections.Sum(static c => c.Ready?.CallsInFlight ?? 0);

    /// <summary>Frames that came for calls that had already ended, on the open connections.</summary>
    internal long LateFrames => _connections.Sum(static c => c.Ready?.LateFrames ?? 0);

    /// <summary>What the queues of all lanes hold of memory.</summary>
    internal long LaneBufferBytes => _connections.Sum(static c => c.Ready?.LaneBufferBytes ?? 0);

    /// <summary>Makes a client of a contract.</summary>
    /// <exception cref="InvalidOperationException">The interface is no contract.</exception>
    public TService CreateClient<TService>(RpcCallOptions? options = null)
        where TService : class =>
        RpcContracts.Get<TService>().CreateClient(this, options);

    /// <summary>Connects now instead of with the first call; with <paramref name="waitForReady"/>, tries until it succeeds.</summary>
    /// <exception cref="RpcFaultException">Unavailable: the message says why.</exception>
    public async ValueTask ConnectAsync(bool waitForReady = false, CancellationToken cancellationToken = default)
    {
        foreach (var connection in _connections)
        {
            await connection.GetAsync(waitForReady, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Closes the connections for good, for a reason that calls are told: those in flight fail with Unavailable and it, later ones as
    /// well, and say that they were not sent.
    /// </summary>
    /// <param name="reason">The end of a sentence, such as "worker-a failed"; what comes after a first reason is ignored.</param>
    public ValueTask AbortAsync(string reason)
    {
        ArgumentException.ThrowIfNullOrEmpty(reason);
        return CloseAsync(reason);
    }

    /// <summary>Closes the connections; calls in flight fail with Unavailable, later ones with <see cref="ObjectDisposedException"/>.</summary>
    public ValueTask DisposeAsync() => CloseAsync(reason: null);

    private async ValueTask CloseAsync(string? reason)
    {
        foreach (var connection in _connections)
        {
            await connection.CloseAsync(reason).ConfigureAwait(false);
        }
    }

    private ClientConnection? TryGetReady()
    {
        if (_connections.Length == 1)
        {
            return _connections[0].Ready;
        }

        var start = Interlocked.Increment(ref _next);
        _connections[start % (uint)_connections.Length].Warm();
        for (var i = 0u; i < _connections.Length; i++)
        {
            if (_connections[(start + i) % (uint)_connections.Length].Ready is { } ready)
            {
                return ready;
            }
        }

        return null;
    }

    private ValueTask<ClientConnection> GetConnectionAsync(RpcCallOptions? options, CancellationToken cancellationToken) =>
        TryGetReady() is { } ready
            ? new(ready)
            : _connections[Interlocked.Increment(ref _next) % (uint)_connections.Length]
                .GetAsync(options?.WaitForReady ?? false, cancellationToken);

    private ValueTask<ClientConnection?> GetEarlyConnectionAsync(CancellationToken cancellationToken) =>
        _connections[_connections.Length == 1 ? 0 : Interlocked.Increment(ref _next) % (uint)_connections.Length]
            .GetEarlyAsync(cancellationToken);
}
