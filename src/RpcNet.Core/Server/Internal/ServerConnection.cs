using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using RpcNet.Framing;
using RpcNet.Transports;

namespace RpcNet.Server.Internal;

/// <summary>One connection of a server: its control streams, its lanes, its call streams, and its limits.</summary>
internal sealed partial class ServerConnection
{
    private static readonly TimeSpan PrefaceTimeout = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<long, ServerLane> _lanes = new();
    private readonly ConcurrentDictionary<Task, byte> _streams = new();
    private readonly CancellationTokenSource _callsEnded = new();
    private readonly TaskCompletionSource<PeerSettings> _peerSettings = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _idleGate = new();
    private TaskCompletionSource? _idle;
    private ControlStream? _control;
    private int _callsInFlight;

    public ServerConnection(RpcServer server, ITransportConnection transport, TimeProvider time, ILogger logger)
    {
        Server = server;
        Transport = transport;
        Time = time;
        Logger = logger;
        Deadlines = new DeadlineMonitor(time, Expire);
    }

    public RpcServer Server { get; }

    public ITransportConnection Transport { get; }

    public TimeProvider Time { get; }

    public ILogger Logger { get; }

    public DeadlineMonitor Deadlines { get; }

    public RpcLimits Limits => Server.Options.Limits;

    public PeerSettings Peer { get; private set; } = PeerSettings.Default;

    /// <summary>Cancelled when the connection ends or a drain has run out of time: no handler shall go on.</summary>
    public CancellationToken CallsEnded => _callsEnded.Token;

    public int CallsInFlight => Volatile.Read(ref _callsInFlight);

    public int MaxMessageBytes => Math.Min(Limits.MessageBytes, Peer.MaxMessageBytes);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            _control = await ControlStream.OpenAsync(Transport, PeerSettings.From(Limits), cancellationToken).ConfigureAwait(false);
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

        await EndAsync().ConfigureAwait(false);
    }

    public async Task SendGoAwayAsync(string reason)
    {
        try
        {
            if (_control is { } control)
            {
                await control.SendGoAwayAsync(reason, CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (TransportException)
        {
            // The connection has ended: nobody is left to be told.
        }
    }

    public Task WaitUntilIdleAsync(CancellationToken cancellationToken)
    {
        lock (_idleGate)
        {
            if (CallsInFlight == 0)
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
        serializer = Server.Serializers[extension.Codec ?? 1]!;
        if (method is null)
        {
            return new RpcFaultException(RpcStatusCode.Unimplemented, $"The server does not know the method{(extension.Method is { } name ? $" {name}" : "")}.");
        }

        if (serializer is null)
        {
            return new RpcFaultException(RpcStatusCode.Unimplemented, $"The server does not know the codec {extension.Codec}.");
        }

        if (Server.DrainReason is { } reason)
        {
            return new RpcFaultException(RpcStatusCode.Unavailable, $"The server takes no new calls: {reason}");
        }

        if (Interlocked.Increment(ref _callsInFlight) > Limits.CallsPerConnection)
        {
            LeaveConnection();
            return new RpcFaultException(
                RpcStatusCode.ResourceExhausted, $"The connection has {Limits.CallsPerConnection} calls in flight, as many as the server allows.");
        }

        if (!Server.TryEnterCall())
        {
            LeaveConnection();
            return new RpcFaultException(
                RpcStatusCode.ResourceExhausted, $"The server has {Server.Options.MaxConcurrentCalls} calls in flight, as many as it allows.");
        }

        return null;
    }

    public void ExitCall()
    {
        Server.ExitCall();
        LeaveConnection();
    }

    /// <exception cref="RpcFaultException">ResourceExhausted: the message is larger than either side allows.</exception>
    public void CheckMessage(int length)
    {
        if (length > MaxMessageBytes)
        {
            throw new RpcFaultException(
                RpcStatusCode.ResourceExhausted, $"The response takes {length} bytes; the limit is {MaxMessageBytes}.");
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

    private void LeaveConnection()
    {
        if (Interlocked.Decrement(ref _callsInFlight) == 0)
        {
            lock (_idleGate)
            {
                if (CallsInFlight == 0)
                {
                    _idle?.TrySetResult();
                    _idle = null;
                }
            }
        }
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
        foreach (var lane in _lanes.Values)
        {
            lane.CancelAll();
        }

        await Task.WhenAll(_streams.Keys).ConfigureAwait(false);
        await WaitUntilIdleAsync(CancellationToken.None).ConfigureAwait(false);
        foreach (var lane in _lanes.Values)
        {
            lane.Dispose();
        }

        if (_control is not null)
        {
            await _control.DisposeAsync().ConfigureAwait(false);
        }

        Deadlines.Dispose();
        _callsEnded.Dispose();
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

    private async Task ServeStreamAsync(ITransportStream stream, CancellationToken cancellationToken)
    {
        await using (stream.ConfigureAwait(false))
        {
            try
            {
                var maxPayload = stream.CanWrite ? Limits.MessageBytes : Limits.InlinePayloadBytes;
                using var reader = new FrameReader(stream, Limits.MetadataBytes, maxPayload);
                using var preface = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                using var timer = Time.CreateTimer(
                    static source => ((CancellationTokenSource)source!).Cancel(), preface, PrefaceTimeout, Timeout.InfiniteTimeSpan);
                var type = await reader.ReadVarIntAsync(preface.Token).ConfigureAwait(false);
                switch (type, stream.CanWrite)
                {
                    case (StreamType.Control, false):
                        await ReadControlAsync(reader, cancellationToken).ConfigureAwait(false);
                        break;
                    case (StreamType.Lane, false):
                        var laneId = await reader.ReadVarIntAsync(preface.Token).ConfigureAwait(false)
                            ?? throw new RpcProtocolException("A lane ended before its id.");
                        await ServeLaneAsync(reader, laneId, cancellationToken).ConfigureAwait(false);
                        break;
                    case (StreamType.Call, true):
                        var request = await reader.ReadAsync(preface.Token).ConfigureAwait(false)
                            ?? throw new RpcProtocolException("A call's stream ended before its request.");
                        await ServeCallAsync(stream, reader, request).ConfigureAwait(false);
                        break;
                    default:
                        stream.AbortRead(RpcErrorCode.NoError);
                        break;
                }
            }
            catch (RpcProtocolException e) when (stream.CanWrite)
            {
                LogStreamViolation(Logger, Transport.RemoteEndPoint, e.Message);
                stream.AbortRead(e.ErrorCode);
                stream.AbortWrite(e.ErrorCode);
            }
            catch (RpcProtocolException e)
            {
                LogProtocolViolation(Logger, Transport.RemoteEndPoint, e.Message);
                await Transport.CloseAsync(e.ErrorCode, CancellationToken.None).ConfigureAwait(false);
            }
            catch (TransportException)
            {
                // The stream or the connection has ended; the accept loop tells which.
            }
            catch (OperationCanceledException)
            {
                stream.AbortRead(RpcErrorCode.LimitExceeded);
            }
        }
    }

    private async Task ReadControlAsync(FrameReader reader, CancellationToken cancellationToken)
    {
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false) is { } frame)
        {
            if (frame.Header.Type == FrameType.Settings)
            {
                var settings = PeerSettings.Read(frame.Payload);
                Peer = settings;
                _peerSettings.TrySetResult(settings);
            }
        }

        throw new RpcProtocolException("The client ended its control stream.");
    }

    private async Task ServeLaneAsync(FrameReader reader, long laneId, CancellationToken cancellationToken)
    {
        if (laneId >= Limits.Lanes)
        {
            throw new RpcProtocolException($"The lane id {laneId} exceeds the limit of {Limits.Lanes} lanes.", RpcErrorCode.LimitExceeded);
        }

        // SETTINGS travel on another stream: a response must not be written before its limits are known.
        await _peerSettings.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        var lane = await ServerLane.OpenAsync(this, laneId, cancellationToken).ConfigureAwait(false);
        if (!_lanes.TryAdd(laneId, lane))
        {
            lane.Dispose();
            throw new RpcProtocolException($"The lane id {laneId} is in use.");
        }

        await lane.ReadAsync(reader, cancellationToken).ConfigureAwait(false);
        throw new RpcProtocolException("The client ended a lane.");
    }

    private async Task ServeCallAsync(ITransportStream stream, FrameReader reader, Frame request)
    {
        if (request.Header.Type != FrameType.Request)
        {
            throw new RpcProtocolException($"A call's stream begins with a frame of type {request.Header.Type} instead of REQUEST.");
        }

        var extension = FrameExtension.Read(request.Extension);
        Server.Services.TryGet(extension.Method ?? "", out var method);
        if (TryAccept(method, extension, out var serializer) is { } refusal)
        {
            using var writer = new StreamFrameWriter(stream);
            using var scratch = new PooledBufferWriter();
            Faults.ToExtension(refusal, trailers: null).Write(scratch);
            writer.Append(FrameType.Fault, FrameFlags.NotExecuted, (uint)refusal.Status, scratch.WrittenSpan, []);
            await writer.FlushAsync(endStream: true, CallsEnded).ConfigureAwait(false);
            stream.AbortRead(RpcErrorCode.NoError);
            return;
        }

        try
        {
            using var call = new StreamServerCall(this, stream, reader, method!, serializer, request, extension);
            await call.RunAsync().ConfigureAwait(false);
        }
        finally
        {
            ExitCall();
        }
    }

    [LoggerMessage(1102, LogLevel.Debug, "The connection from {RemoteEndPoint} ended: {Error}, code {Code}")]
    private static partial void LogConnectionEnded(ILogger logger, System.Net.IPEndPoint remoteEndPoint, TransportError error, long? code);

    [LoggerMessage(1103, LogLevel.Warning, "The client at {RemoteEndPoint} broke the protocol, and its connection is closed: {Reason}")]
    private static partial void LogProtocolViolation(ILogger logger, System.Net.IPEndPoint remoteEndPoint, string reason);

    [LoggerMessage(1104, LogLevel.Warning, "The client at {RemoteEndPoint} broke the protocol on one call: {Reason}")]
    private static partial void LogStreamViolation(ILogger logger, System.Net.IPEndPoint remoteEndPoint, string reason);

    [LoggerMessage(1105, LogLevel.Error, "A handler's cancellation callback failed")]
    private static partial void LogCancellationFailed(ILogger logger, Exception exception);

    [LoggerMessage(1106, LogLevel.Error, "A lane to {RemoteEndPoint} failed")]
    private static partial void LogLaneFailed(ILogger logger, System.Net.IPEndPoint remoteEndPoint, Exception exception);
}
