using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using RpcNet.Framing;
using RpcNet.Serialization;
using RpcNet.Transports;

namespace RpcNet.Server.Internal;

/// <summary>One connection of a server: its life, its limits, the calls in flight on it.</summary>
internal sealed partial class ServerConnection
{
    // Small, since every idle connection has them.
    private readonly ConcurrentDictionary<long, ServerLane> _lanes = new(concurrencyLevel: 1, capacity: 3);
    private readonly ConcurrentDictionary<Task, byte> _streams = new(concurrencyLevel: 1, capacity: 3);
    private readonly CancellationTokenSource _callsEnded = new();
    private readonly TaskCompletionSource<PeerSettings> _peerSettings = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _idleGate = new();
    private TaskCompletionSource? _idle;
    private ControlStream? _control;
    private int _admitted;
    private int _running;

    public ServerConnection(RpcServer server, ITransportConnection transport, TimeProvider time, ILogger logger)
    {
        Server = server;
        Limits = server.Limits;
        Transport = transport;
        Time = time;
        Logger = logger;
        Deadlines = new DeadlineMonitor(time, Expire);
        CallsEnded = _callsEnded.Token;
    }

    public RpcServer Server { get; }

    public ITransportConnection Transport { get; }

    public TimeProvider Time { get; }

    public ILogger Logger { get; }

    public DeadlineMonitor Deadlines { get; }

    /// <summary>Where the calls of the lanes run.</summary>
    public DispatchQueue Dispatch { get; } = new();

    public RpcLimits Limits { get; }

    /// <summary>Cancelled when the connection ends or a drain has run out of time: no handler shall go on.</summary>
    public CancellationToken CallsEnded { get; }

    /// <summary>Calls that count against the limit: those whose terminal frame is yet to be written.</summary>
    public int CallsInFlight => Volatile.Read(ref _admitted);

    /// <summary>What the lanes' queues hold of memory.</summary>
    public long LaneBufferBytes => _lanes.Values.Sum(static l => (long)l.Writer.BufferBytes);

    public int Lanes => _lanes.Count;

    /// <summary>Bytes of responses that wait in the lanes for the client.</summary>
    public long QueuedBytes => _lanes.Values.Sum(static l => (long)l.Writer.QueuedBytes);

    public int MaxInlineBytes { get; private set; }

    public int MaxMessageBytes { get; private set; }

    public int MaxMetadataBytes { get; private set; }

    public PayloadCompression Compression { get; private set; } = PayloadCompression.None;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            _control = await ControlStream.OpenAsync(Transport, PeerSettings.From(Limits, Server.Options.Compression), cancellationToken).ConfigureAwait(false);
            if (Server.DrainReason is { } reason)
            {
                await _control.SendGoAwayAsync(reason, cancellationToken).ConfigureAwait(false);
            }

            while (true)
            {
                var stream = await Transport.AcceptStreamAsync(cancellationToken).ConfigureAwait(false);
                Track(ServeStreamAsync(stream, cancellationToken));
            }
        }
        catch (TransportException e)
        {
            LogConnectionEnded(Logger, Transport.RemoteEndPoint, e.Error, e.ApplicationErrorCode);
        }
        catch (OperationCanceledException)
        {
            await Transport.CloseAsync(RpcErrorCode.Draining, CancellationToken.None).ConfigureAwait(false);
        }
        finally
        {
            await EndAsync().ConfigureAwait(false);
        }
    }

    public async Task SendGoAwayAsync(string reason, CancellationToken cancellationToken)
    {
        try
        {
            if (_control is { } control)
            {
                await control.SendGoAwayAsync(reason, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is TransportException or ObjectDisposedException)
        {
            // The connection has ended: nobody is left to be told.
        }
    }

    public Task WaitUntilIdleAsync(CancellationToken cancellationToken)
    {
        lock (_idleGate)
        {
            if (Volatile.Read(ref _running) == 0)
            {
                return Task.CompletedTask;
            }

            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task.WaitAsync(cancellationToken);
        }
    }

    public async Task CloseAsync(long errorCode)
    {
        RunCancellation(_callsEnded);
        await Transport.CloseAsync(errorCode).ConfigureAwait(false);
    }

    /// <summary>Admits a call; otherwise says why not, and the handler certainly did not run.</summary>
    public RpcFaultException? TryAccept(ServerMethod? method, in FrameExtension extension, out IRpcSerializer serializer)
    {
        var codec = extension.Codec ?? 1;
        serializer = codec == 1 && method is { IsBuiltIn: true } ? MessagePackRpcSerializer.Default : Server.Serializers[codec]!;
        if (method is null)
        {
            return new RpcFaultException(
                RpcStatusCode.Unimplemented, $"The server does not know the method{(extension.Method is { } name ? $" {name}" : "")}.");
        }

        if (serializer is null)
        {
            return new RpcFaultException(RpcStatusCode.Unimplemented, $"The server does not know the codec {codec}.");
        }

        if (Server.DrainReason is { } reason)
        {
            return new RpcFaultException(RpcStatusCode.Unavailable, $"The server takes no new calls: {reason}");
        }

        Interlocked.Increment(ref _running);
        if (Interlocked.Increment(ref _admitted) > Limits.CallsPerConnection)
        {
            Interlocked.Decrement(ref _admitted);
            ExitCall();
            return new RpcFaultException(
                RpcStatusCode.ResourceExhausted, $"The connection has {Limits.CallsPerConnection} calls in flight, as many as the server allows.");
        }

        if (!Server.TryEnterCall(method))
        {
            Interlocked.Decrement(ref _admitted);
            ExitCall();
            return new RpcFaultException(
                RpcStatusCode.ResourceExhausted, $"The server has {Server.MaxConcurrentCalls} calls in flight, as many as it allows.");
        }

        return null;
    }

    /// <summary>
    /// The call counts no more against the limits. Called ahead of its terminal frame: a client that has received that
    /// may start the next call.
    /// </summary>
    public void ReleaseCall(ServerMethod method)
    {
        Interlocked.Decrement(ref _admitted);
        Server.ExitCall(method);
    }

    /// <summary>The call is over, its terminal frame written.</summary>
    public void ExitCall()
    {
        if (Interlocked.Decrement(ref _running) > 0)
        {
            return;
        }

        lock (_idleGate)
        {
            if (Volatile.Read(ref _running) == 0)
            {
                _idle?.TrySetResult();
                _idle = null;
            }
        }
    }

    /// <exception cref="RpcFaultException">ResourceExhausted: the message is larger than either side allows.</exception>
    public void CheckMessage(int length)
    {
        if (length > MaxMessageBytes)
        {
            throw Faults.MessageTooLarge(length, MaxMessageBytes);
        }
    }

    /// <exception cref="RpcFaultException">ResourceExhausted: the metadata is larger than either side allows.</exception>
    public void CheckMetadata(int length)
    {
        if (length > MaxMetadataBytes)
        {
            throw Faults.MetadataTooLarge(length, MaxMetadataBytes);
        }
    }

    /// <summary>Cancels; what the user's registrations throw is logged.</summary>
    public void RunCancellation(CancellationTokenSource source)
    {
        try
        {
            source.Cancel();
        }
        catch (AggregateException e)
        {
            LogCancellationFailed(Logger, e);
        }
    }

    public void OnLaneFailed(Exception error)
    {
        if (error is not TransportException)
        {
            LogLaneFailed(Logger, Transport.RemoteEndPoint, error);
        }

        _ = Transport.CloseAsync(RpcErrorCode.InternalError).AsTask();
    }

    private void Track(Task serving)
    {
        if (serving.IsCompleted)
        {
            return;
        }

        _streams[serving] = 0;
        _ = serving.ContinueWith(
            static (task, streams) => ((ConcurrentDictionary<Task, byte>)streams!).TryRemove(task, out _),
            _streams, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private async Task EndAsync()
    {
        RunCancellation(_callsEnded);
        _peerSettings.TrySetCanceled();
        CancelLanes();
        using (var limit = new CancellationTokenSource(Server.Options.HandlerExitTimeout, Time))
        {
            try
            {
                await Task.WhenAll(_streams.Keys).WaitAsync(limit.Token).ConfigureAwait(false);

                // Again, since a lane may have dispatched what it had received before it saw the end.
                CancelLanes();
                await WaitUntilIdleAsync(limit.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                LogHandlersAbandoned(Logger, Transport.RemoteEndPoint, Volatile.Read(ref _running), Server.Options.HandlerExitTimeout);
            }
        }

        foreach (var lane in _lanes.Values)
        {
            lane.Dispose();
        }

        if (_control is not null)
        {
            await _control.DisposeAsync().ConfigureAwait(false);
        }

        Deadlines.Dispose();
    }

    private void CancelLanes()
    {
        foreach (var lane in _lanes.Values)
        {
            lane.CancelAll();
        }
    }

    private long Expire(long now)
    {
        var next = long.MaxValue;
        foreach (var (_, lane) in _lanes)
        {
            next = Math.Min(next, lane.Expire(now));
        }

        return next;
    }

    [LoggerMessage(1102, LogLevel.Debug, "The connection from {RemoteEndPoint} ended: {Error}, code {Code}")]
    private static partial void LogConnectionEnded(ILogger logger, IPEndPoint remoteEndPoint, TransportError error, long? code);

    [LoggerMessage(1105, LogLevel.Error, "A handler's cancellation callback failed")]
    private static partial void LogCancellationFailed(ILogger logger, Exception exception);

    [LoggerMessage(1106, LogLevel.Error, "A lane to {RemoteEndPoint} failed")]
    private static partial void LogLaneFailed(ILogger logger, IPEndPoint remoteEndPoint, Exception exception);

    [LoggerMessage(1107, LogLevel.Warning, "The connection from {RemoteEndPoint} ended, and {Count} handlers still run {Timeout} after they were cancelled")]
    private static partial void LogHandlersAbandoned(ILogger logger, IPEndPoint remoteEndPoint, int count, TimeSpan timeout);
}
