using Microsoft.Extensions.Logging;
using RpcNet.Framing;
using RpcNet.Transports;

namespace RpcNet.Client.Internal;

/// <summary>
/// One of a channel's connections: connects when first needed, reconnects with exponential back-off and jitter, and
/// shares one attempt among all callers.
/// </summary>
internal sealed partial class ChannelConnection(
    ITransport transport, RpcChannelOptions options, TimeProvider time, Random random, ILogger logger)
{
    /// <summary>A server that says GOAWAY sooner than this after connecting is not tried again at once.</summary>
    private static readonly TimeSpan YoungAge = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly HashSet<Task> _disposals = [];
    private readonly CancellationTokenSource _disposing = new();
    private volatile ClientConnection? _ready;
    private Task<ClientConnection>? _connecting;
    private TaskCompletionSource<ClientConnection?>? _early;
    private RpcFaultException? _lastFailure;
    private long _retryAt;
    private long _readySince;
    private int _failures;
    private bool _disposed;
    private Task? _disposal;
    private string? _closeReason;
    private readonly Queue<(RpcChannelState State, string? Reason)> _changes = [];
    private bool _notifying;

    /// <summary>Told of every change, in order; must not block.</summary>
    public Action<RpcChannelState, string?>? StateChanged { get; set; }

    /// <summary>The established connection, if calls may start on it.</summary>
    public ClientConnection? Ready => _ready is { IsUsable: true } ready ? ready : null;

    /// <summary>Gives the connection, connecting if need be.</summary>
    /// <param name="waitForReady">Whether to try again until the token is cancelled instead of failing.</param>
    /// <exception cref="RpcFaultException">Unavailable, certainly not executed.</exception>
    /// <exception cref="ObjectDisposedException">The channel is disposed.</exception>
    public async ValueTask<ClientConnection> GetAsync(bool waitForReady, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (Ready is { } ready)
            {
                return ready;
            }

            var (connecting, pause, failure) = StartOrJoin();
            if (connecting is null)
            {
                if (!waitForReady)
                {
                    throw Again(failure!);
                }

                await Task.Delay(pause, time, cancellationToken).ConfigureAwait(false);
                continue;
            }

            try
            {
                return await connecting.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (RpcFaultException e) when (!waitForReady)
            {
                throw Again(e);
            }
            catch (RpcFaultException)
            {
                // The loop waits for the next attempt.
            }
        }
    }

    /// <summary>
    /// Gives the connection that is being made, if it takes early data and its handshake is not complete; null where there is
    /// none. Connects if need be.
    /// </summary>
    public async ValueTask<ClientConnection?> GetEarlyAsync(CancellationToken cancellationToken)
    {
        if (Ready is not null)
        {
            return null;
        }

        StartOrJoin();
        return Volatile.Read(ref _early) is { } early ? await early.Task.WaitAsync(cancellationToken).ConfigureAwait(false) : null;
    }

    /// <summary>Connects in the background unless it has; calls that find another connection ready need not wait for this one.</summary>
    /// <exception cref="ObjectDisposedException">The channel is disposed.</exception>
    /// <exception cref="RpcFaultException">Unavailable: the channel was closed for a reason.</exception>
    public void Warm()
    {
        if (Ready is null)
        {
            StartOrJoin();
        }
    }

    /// <summary>Ends the connection for good.</summary>
    /// <param name="reason">What calls in flight and later ones are told; null where whoever calls has disposed the channel itself.</param>
    public ValueTask CloseAsync(string? reason)
    {
        lock (_gate)
        {
            if (_disposal is null)
            {
                _disposed = true;
                _closeReason = reason;
                _disposal = DisposeCoreAsync();
            }

            return new ValueTask(_disposal);
        }
    }

    private async Task DisposeCoreAsync()
    {
        Task<ClientConnection>? connecting;
        Task[] disposals;
        lock (_gate)
        {
            connecting = _connecting;
            disposals = [.. _disposals];
        }

        await _disposing.CancelAsync().ConfigureAwait(false);
        if (connecting is not null)
        {
            await ((Task)connecting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (_ready is { } ready)
        {
            await ready.CloseAsync(ClosedMessage).ConfigureAwait(false);
        }

        await Task.WhenAll(disposals).ConfigureAwait(false);
        _disposing.Dispose();
    }

    private string ClosedMessage => _closeReason is null
        ? $"The channel to {options.EndPoint} was disposed."
        : $"The connection to {options.EndPoint} was closed: {_closeReason}.";

    private static RpcFaultException Again(RpcFaultException failure) =>
        Faults.Unavailable(failure.Message, mayHaveExecuted: false, failure.InnerException);

    private (Task<ClientConnection>? Connecting, TimeSpan Pause, RpcFaultException? Failure) StartOrJoin()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                throw _closeReason is null
                    ? new ObjectDisposedException(nameof(RpcChannel))
                    : Faults.Unavailable(ClosedMessage, mayHaveExecuted: false);
            }

            if (_ready is { } current)
            {
                // Made since the caller looked.
                if (current.IsUsable)
                {
                    return (Task.FromResult(current), default, null);
                }

                // It has ended, and its own word of it is still on the way: first the one is over, then the next begins.
                Retire(current);
            }

            if (_connecting is not null)
            {
                return (_connecting, default, null);
            }

            var now = time.GetTimestamp();
            if (_lastFailure is not null && now < _retryAt)
            {
                return (null, time.GetElapsedTime(now, _retryAt), _lastFailure);
            }

            _early = options.EarlyData ? new(TaskCreationOptions.RunContinuationsAsynchronously) : null;

            // The connection outlives the call that happened to need it first, and must not keep that call's context.
            using (ExecutionContext.SuppressFlow())
            {
                _connecting = Task.Run(ConnectAsync);
            }

            _ = _connecting.ContinueWith(
                static task => task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            return (_connecting, default, null);
        }
    }

    private async Task<ClientConnection> ConnectAsync()
    {
        // Of this attempt: the next one may begin before this method ends.
        var early = _early;
        lock (_gate)
        {
            _changes.Enqueue((RpcChannelState.Connecting, null));
        }

        Notify();
        try
        {
            var connection = await EstablishAsync(early).ConfigureAwait(false);
            connection.Retired = OnRetired;
            lock (_gate)
            {
                _ready = connection;
                _readySince = time.GetTimestamp();
                _connecting = null;
                _lastFailure = null;
                _changes.Enqueue((RpcChannelState.Ready, null));
            }

            Notify();
            if (!connection.IsUsable)
            {
                OnRetired(connection);
            }

            return connection;
        }
        catch (Exception e)
        {
            var failure = e as RpcFaultException ?? Faults.Unavailable(
                _disposing.IsCancellationRequested ? ClosedMessage : $"Cannot connect to {options.EndPoint}: {Reason(e)}.",
                mayHaveExecuted: false,
                e);
            lock (_gate)
            {
                _connecting = null;
                BackOff(failure);
                _changes.Enqueue((RpcChannelState.TransientFailure, failure.Message));
            }

            Notify();
            throw failure;
        }
        finally
        {
            early?.TrySetResult(null);
        }
    }

    /// <summary>Tells of the changes one at a time, whichever threads they come from.</summary>
    private void Notify()
    {
        while (true)
        {
            (RpcChannelState State, string? Reason) change;
            lock (_gate)
            {
                if (_notifying || !_changes.TryDequeue(out change))
                {
                    return;
                }

                _notifying = true;
            }

            try
            {
                StateChanged?.Invoke(change.State, change.Reason);
            }
            catch (Exception e)
            {
                LogStateHandlerFailed(logger, options.EndPoint.ToString()!, e);
            }
            finally
            {
                lock (_gate)
                {
                    _notifying = false;
                }
            }
        }
    }

    private async Task<ClientConnection> EstablishAsync(TaskCompletionSource<ClientConnection?>? early)
    {
        using var limit = new CancellationTokenSource(options.ConnectTimeout, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _disposing.Token);
        try
        {
            if (early is not null && await EstablishEarlyAsync(early, linked.Token).ConfigureAwait(false) is { } established)
            {
                return established;
            }

            var connection = await transport.ConnectAsync(ConnectOptions(earlyData: false), linked.Token).ConfigureAwait(false);
            return await ClientConnection.StartAsync(connection, options, time, logger, early: null, linked.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            throw new TransportException(
                TransportError.HandshakeTimeout, $"no answer within {options.ConnectTimeout.TotalSeconds:0.###} s");
        }
    }

    /// <summary>
    /// Connects with the means to send early data; null where the connection was given out before its handshake was complete
    /// and came to nothing. The server is then asked again without, which tells the reason that an ordinary connection fails for.
    /// </summary>
    private async Task<ClientConnection?> EstablishEarlyAsync(TaskCompletionSource<ClientConnection?> early, CancellationToken cancellationToken)
    {
        var connection = await transport.ConnectAsync(ConnectOptions(earlyData: true), cancellationToken).ConfigureAwait(false);
        Action<ClientConnection>? offer = connection.HandshakeCompleted.IsCompletedSuccessfully ? null : c => early.TrySetResult(c);
        if (offer is null)
        {
            early.TrySetResult(null);
        }

        try
        {
            return await ClientConnection.StartAsync(connection, options, time, logger, offer, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is TransportException or RpcFaultException && connection.HandshakeCompleted.IsFaulted)
        {
            return null;
        }
    }

    private TransportConnectOptions ConnectOptions(bool earlyData) => new()
    {
        EndPoint = options.EndPoint,
        Tls = options.Tls,
        ApplicationProtocols = [RpcProtocol.Alpn],
        IdleTimeout = options.IdleTimeout,
        KeepAliveInterval = options.KeepAliveInterval,
        HandshakeTimeout = options.ConnectTimeout,
        MaxInboundBidirectionalStreams = 0,
        MaxInboundUnidirectionalStreams = options.Limits.Lanes + 1 + Math.Min(options.Limits.CallsPerConnection, 256),
        DefaultCloseErrorCode = RpcErrorCode.NoError,
        DefaultStreamErrorCode = RpcErrorCode.Cancelled,
        EarlyData = earlyData,
    };

    private static string Reason(Exception e) => e switch
    {
        TransportException { Error: TransportError.ApplicationProtocolMismatch } =>
            $"it does not speak '{RpcProtocol.Alpn}' ({e.Message})",
        TransportException t => Faults.Describe(t),
        _ => e.Message.TrimEnd('.'),
    };

    private void BackOff(RpcFaultException failure)
    {
        _lastFailure = failure;
        _retryAt = time.GetTimestamp() + (long)(NextDelay().TotalSeconds * time.TimestampFrequency);
    }

    /// <summary>min(MaxReconnectDelay, MaxReconnectDelay/100 · 2^failures), ±20 %.</summary>
    private TimeSpan NextDelay()
    {
        var full = options.MaxReconnectDelay / 100 * Math.Pow(2, Math.Min(_failures++, 20));
        var capped = full < options.MaxReconnectDelay ? full : options.MaxReconnectDelay;
        return capped * (0.8 + (0.4 * random.NextDouble()));
    }

    private void OnRetired(ClientConnection connection)
    {
        lock (_gate)
        {
            if (!_disposed && ReferenceEquals(_ready, connection))
            {
                Retire(connection);
            }
        }

        Notify();
    }

    /// <summary>
    /// The connection takes no new calls: it is disposed when the ones in flight are done. Called under the lock.
    /// </summary>
    private void Retire(ClientConnection connection)
    {
        _ready = null;
        if (time.GetElapsedTime(_readySince) >= YoungAge)
        {
            _failures = 0;
            _changes.Enqueue((RpcChannelState.Idle, connection.GoAwayReason));
        }
        else if (connection.GoAwayReason is { } reason)
        {
            BackOff(Faults.Unavailable($"The server at {options.EndPoint} takes no calls: {reason}", mayHaveExecuted: false));
            _changes.Enqueue((RpcChannelState.TransientFailure, reason));
        }
        else
        {
            _changes.Enqueue((RpcChannelState.Idle, null));
        }

        var disposal = Task.Run(() => RetireAsync(connection));
        _disposals.Add(disposal);
        _ = disposal.ContinueWith(
            task =>
            {
                lock (_gate)
                {
                    _disposals.Remove(task);
                }
            },
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private async Task RetireAsync(ClientConnection connection)
    {
        try
        {
            // Calls in flight finish first. This side closes, since it alone knows that it has got every answer.
            await connection.WaitUntilDrainedAsync(_disposing.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The channel is being disposed.
        }

        try
        {
            // Calls are left on it only where the channel is being closed.
            await connection.CloseAsync(ClosedMessage).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            LogDisposalFailed(logger, options.EndPoint.ToString()!, e);
        }
    }

    [LoggerMessage(1005, LogLevel.Error, "A handler of the channel's state changes failed, to {EndPoint}")]
    private static partial void LogStateHandlerFailed(ILogger logger, string endPoint, Exception exception);

    [LoggerMessage(1003, LogLevel.Error, "Releasing a connection to {EndPoint} failed")]
    private static partial void LogDisposalFailed(ILogger logger, string endPoint, Exception exception);
}
