using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Microsoft.Extensions.Logging;
using RpcNet.Diagnostics;
using RpcNet.Framing;
using RpcNet.Serialization;
using RpcNet.Server;
using RpcNet.Transports;

namespace RpcNet.Client.Internal;

/// <summary>One connection of a channel: its lanes, its calls in flight, its control streams.</summary>
internal sealed partial class ClientConnection
{
    private readonly ITransportConnection _transport;
    private readonly RpcChannelOptions _options;
    private readonly ILogger _logger;
    private readonly DeadlineMonitor _deadlines;

    [SuppressMessage("Usage", "CA2213", Justification = "Whoever ends the connection may still be cancelling it during disposal, and it has no timer to free.")]
    private readonly CancellationTokenSource _ended = new();
    private readonly TaskCompletionSource<PeerSettings> _peerSettings = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentQueue<TaskCompletionSource> _slotWaiters = new();
    private readonly ConcurrentDictionary<Task, byte> _readers = new();
    private readonly Lock _largeGate = new();
    private readonly Dictionary<uint, PendingCall> _largeResponses = [];
    private CallTable _calls = new(1);
    private ClientLane[] _lanes = [];
    private ControlStream? _control;
    private PeerSettings _peer = PeerSettings.Default;
    private Task _accepting = Task.CompletedTask;
    private volatile string? _goAway;
    private RpcFaultException? _failure;
    private long _lateFrames;
    private int _streamCalls;
    private TaskCompletionSource? _drained;

    private ClientConnection(ITransportConnection transport, RpcChannelOptions options, TimeProvider time, ILogger logger)
    {
        _transport = transport;
        _options = options;
        _logger = logger;
        _deadlines = new DeadlineMonitor(time, Expire);
        Ended = _ended.Token;
    }

    public ITransportConnection Transport => _transport;

    public RpcLimits Limits => _options.Limits;

    public PeerSettings Peer => _peer;

    public DeadlineMonitor Deadlines => _deadlines;

    /// <summary>Where calls complete and their callers go on.</summary>
    public DispatchQueue Dispatch { get; } = new();

    /// <summary>Cancelled when the connection has ended.</summary>
    public CancellationToken Ended { get; }

    /// <summary>Whether new calls may start here.</summary>
    public bool IsUsable => _goAway is null && Volatile.Read(ref _failure) is null;

    /// <summary>The server's reason for GOAWAY, or null.</summary>
    public string? GoAwayReason => _goAway;

    /// <summary>Calls of every kind.</summary>
    public int AllCallsInFlight => _calls.Used + Volatile.Read(ref _streamCalls);

    public int Lanes => _lanes.Length;

    /// <summary>Bytes of requests that wait in the lanes for the server.</summary>
    public long QueuedBytes => _lanes.Sum(static l => (long)l.Writer.QueuedBytes);

    /// <summary>Calls on lanes whose terminal frame has not come.</summary>
    public int CallsInFlight => _calls.Used;

    /// <summary>The largest payload that goes into a lane.</summary>
    public int MaxInlineBytes { get; private set; }

    /// <summary>The largest message that may be sent.</summary>
    public int MaxMessageBytes { get; private set; }

    public PayloadCompression Compression { get; private set; } = PayloadCompression.None;

    /// <summary>Frames that came for calls that had already ended.</summary>
    public long LateFrames => Interlocked.Read(ref _lateFrames);

    /// <summary>What the lanes' queues hold of memory.</summary>
    public long LaneBufferBytes => _lanes.Sum(static l => (long)l.Writer.BufferBytes);

    /// <summary>Called once when the connection can take no new calls: it ended, or the server said GOAWAY.</summary>
    public Action<ClientConnection>? Retired { get; set; }

    /// <summary>Takes over a fresh transport connection; ready when the server's SETTINGS have come.</summary>
    /// <exception cref="TransportException">The connection ended meanwhile.</exception>
    /// <param name="transport">The connection.</param>
    /// <param name="options">The channel's options.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Where to log.</param>
    /// <param name="early">Told when calls that may travel as early data can start, before everything else.</param>
    /// <param name="cancellationToken">Gives the connection up.</param>
    public static async Task<ClientConnection> StartAsync(
        ITransportConnection transport,
        RpcChannelOptions options,
        TimeProvider time,
        ILogger logger,
        Action<ClientConnection>? early,
        CancellationToken cancellationToken)
    {
        var connection = new ClientConnection(transport, options, time, logger);
        try
        {
            await connection.OpenAsync(early, cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.CloseAsync($"The connection to {options.EndPoint} was not completed.").ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Ends the connection; calls in flight fail with <paramref name="message"/>.</summary>
    public async ValueTask CloseAsync(string message)
    {
        RpcTelemetry.Remove(this);
        Fail(Faults.Unavailable(message, mayHaveExecuted: true));
        await _transport.CloseAsync(RpcErrorCode.NoError).ConfigureAwait(false);
        await _accepting.ConfigureAwait(false);
        await Task.WhenAll(_readers.Keys).ConfigureAwait(false);
        foreach (var lane in _lanes)
        {
            lane.Dispose();
        }

        if (_control is not null)
        {
            await _control.DisposeAsync().ConfigureAwait(false);
        }

        _deadlines.Dispose();
        await _transport.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Waits until no call is left, once the connection takes no new ones.</summary>
    public Task WaitUntilDrainedAsync(CancellationToken cancellationToken)
    {
        Interlocked.CompareExchange(ref _drained, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), null);
        NoteCallEnded();
        return _drained.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Counts a call on a stream of its own; false where no new calls may start.</summary>
    public bool TryEnterStreamCall()
    {
        Interlocked.Increment(ref _streamCalls);
        if (IsUsable)
        {
            return true;
        }

        ExitStreamCall();
        return false;
    }

    public void ExitStreamCall()
    {
        Interlocked.Decrement(ref _streamCalls);
        NoteCallEnded();
    }

    private void NoteCallEnded()
    {
        if (Volatile.Read(ref _drained) is not { } drained || _calls.Used > 0 || Volatile.Read(ref _streamCalls) > 0)
        {
            return;
        }

        lock (_largeGate)
        {
            if (_largeResponses.Count > 0)
            {
                return;
            }
        }

        drained.TrySetResult();
    }

    /// <summary>Ends the connection and every call on it.</summary>
    private void Fail(RpcFaultException failure)
    {
        if (Interlocked.CompareExchange(ref _failure, failure, null) is not null)
        {
            return;
        }

        // First of all nothing more may leave, so that what is unsent now certainly was not executed.
        foreach (var lane in _lanes)
        {
            lane.Writer.Abort(failure);
        }

        _peerSettings.TrySetException(failure);
        _calls.TakeAll(call => CompleteFailed(call, failure));
        List<PendingCall> large;
        lock (_largeGate)
        {
            large = [.. _largeResponses.Values];
            _largeResponses.Clear();
        }

        foreach (var call in large)
        {
            CompleteFailed(call, failure);
        }

        Retire();
        try
        {
            _ended.Cancel();
        }
        catch (AggregateException e)
        {
            LogCancellationFailed(_logger, e);
        }
    }

    /// <summary>No new calls: who waits for a slot goes elsewhere.</summary>
    private void Retire()
    {
        while (_slotWaiters.TryDequeue(out var waiter))
        {
            waiter.TrySetResult();
        }

        NoteCallEnded();
        Retired?.Invoke(this);
    }

    /// <summary>What a call is told that the end of the connection ended: why the connection did, whatever the call itself saw of it.</summary>
    /// <param name="error">What the call saw.</param>
    /// <param name="mayHaveExecuted">Whether the server may have the call.</param>
    public RpcFaultException Lost(Exception? error, bool mayHaveExecuted) => Faults.Unavailable(
        Volatile.Read(ref _failure)?.Message
            ?? (error is null && _goAway is { } reason ? $"The server at {_options.EndPoint} takes no calls: {reason}" : LossMessage(error)),
        mayHaveExecuted,
        error);

    private void FailTransport(Exception error) => Fail(Faults.Unavailable(LossMessage(error), mayHaveExecuted: true, error));

    private string LossMessage(Exception? error) => error switch
    {
        TransportException e => $"The connection to {_options.EndPoint} was lost: {Faults.Describe(e)}.",
        null => $"The connection to {_options.EndPoint} was lost.",
        _ => $"The connection to {_options.EndPoint} failed: {error.Message}",
    };

    /// <summary>The codec of a method's calls: RpcNet's own services speak the default one, whatever the application chose.</summary>
    public IRpcSerializer SerializerOf(RpcMethod method)
    {
        var serializer = _options.Serializer;
        return ReferenceEquals(serializer, MessagePackRpcSerializer.Default) || !BuiltInServices.Contains(method)
            ? serializer
            : MessagePackRpcSerializer.Default;
    }

    private static void CompleteFailed(PendingCall call, RpcFaultException failure) =>
        call.CompleteWith(Faults.Unavailable(failure.Message, mayHaveExecuted: !call.Lane.Writer.IsUnsent(call.Ticket), failure.InnerException));

    /// <summary>Whether this failure tells of a connection that ended before its handshake was complete.</summary>
    public bool LostEarly(RpcFaultException failure) => failure is { Status: RpcStatusCode.Unavailable, InnerException: not null }
        && !_transport.HandshakeCompleted.IsCompletedSuccessfully;

    private async Task OpenAsync(Action<ClientConnection>? early, CancellationToken cancellationToken)
    {
        _accepting = AcceptStreamsAsync();
        _control = await ControlStream.OpenAsync(_transport, PeerSettings.From(Limits, _options.Compression), cancellationToken).ConfigureAwait(false);
        if (early is not null)
        {
            // What the server allows is not known yet; a larger request gains nothing by an earlier start.
            MaxMessageBytes = Math.Min(Limits.InlinePayloadBytes, _peer.MaxInlinePayloadBytes);
            Compression = PayloadCompression.Agree(_options.Compression, _peer);
            early(this);
            await _transport.HandshakeCompleted.WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        _peer = await _peerSettings.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        _calls = new CallTable(Math.Clamp(Math.Min(Limits.CallsPerConnection, _peer.MaxCallsPerConnection), 1, 65_536));
        MaxInlineBytes = Math.Min(Limits.InlinePayloadBytes, _peer.MaxInlinePayloadBytes);
        MaxMessageBytes = Math.Min(Limits.MessageBytes, _peer.MaxMessageBytes);
        Compression = PayloadCompression.Agree(_options.Compression, _peer);
        var lanes = new ClientLane[Math.Clamp(Limits.Lanes, 1, _peer.MaxLanes)];
        for (var i = 0; i < lanes.Length; i++)
        {
            lanes[i] = await ClientLane.OpenAsync(_transport, i, Limits.LaneQueueBytes, FailTransport, cancellationToken).ConfigureAwait(false);
        }

        _lanes = lanes;
        RpcTelemetry.Add(this);
        if (_failure is { } failure)
        {
            throw failure;
        }
    }

    private async Task AcceptStreamsAsync()
    {
        try
        {
            while (true)
            {
                var stream = await _transport.AcceptStreamAsync(CancellationToken.None).ConfigureAwait(false);
                var reading = ReadStreamAsync(stream);
                if (!reading.IsCompleted)
                {
                    _readers[reading] = 0;
                    _ = reading.ContinueWith(
                        static (task, readers) => ((ConcurrentDictionary<Task, byte>)readers!).TryRemove(task, out _),
                        _readers, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
                }
            }
        }
        catch (Exception e)
        {
            FailTransport(e);
        }
    }

    /// <summary>Reads one stream of the server. Every failure ends the connection or is an expected end.</summary>
    private async Task ReadStreamAsync(ITransportStream stream)
    {
        await using (stream.ConfigureAwait(false))
        {
            try
            {
                if (stream.CanWrite)
                {
                    throw new RpcProtocolException("The server opened a bidirectional stream; only clients do.");
                }

                using var reader = new FrameReader(stream, Limits.MetadataBytes, PeerSettings.MaxBytes);
                switch (await ReadTypeAsync(reader).ConfigureAwait(false))
                {
                    case StreamType.Control:
                        await ReadControlAsync(reader).ConfigureAwait(false);
                        break;
                    case StreamType.Lane:
                        reader.MaxPayloadBytes = Limits.InlinePayloadBytes;
                        await reader.ReadVarIntAsync(CancellationToken.None).ConfigureAwait(false);
                        await ReadLaneAsync(reader).ConfigureAwait(false);
                        break;
                    case StreamType.LargeResponse:
                        reader.MaxPayloadBytes = Limits.MessageBytes;
                        await ReadLargeResponseAsync(stream, reader).ConfigureAwait(false);
                        break;
                    default:
                        stream.AbortRead(RpcErrorCode.NoError);
                        break;
                }
            }
            catch (RpcProtocolException e)
            {
                LogProtocolViolation(_logger, _options.EndPoint.ToString()!, e.Message);
                Fail(Faults.Unavailable($"The server at {_options.EndPoint} broke the protocol: {e.Message}", mayHaveExecuted: true, e));
                await _transport.CloseAsync(e.ErrorCode).ConfigureAwait(false);
            }
            catch (TransportException e) when (e.Error == TransportError.StreamAborted)
            {
                FailTransport(e);
                await _transport.CloseAsync(RpcErrorCode.ProtocolViolation).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                FailTransport(e);
                await _transport.CloseAsync(RpcErrorCode.InternalError).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// Reads what the stream is; null where its reset came first. QUIC drops what was unread then, and of all streams only a
    /// large response may be reset: its call gets a FAULT on the lane.
    /// </summary>
    private static async ValueTask<long?> ReadTypeAsync(FrameReader reader)
    {
        try
        {
            return await reader.ReadVarIntAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (TransportException e) when (e.Error == TransportError.StreamAborted)
        {
            return null;
        }
    }

    private async Task ReadControlAsync(FrameReader reader)
    {
        while (await reader.ReadAsync(CancellationToken.None).ConfigureAwait(false) is { } frame)
        {
            switch (frame.Header.Type)
            {
                case FrameType.Settings:
                    if (!_peerSettings.TrySetResult(PeerSettings.Read(frame.Payload)) && _failure is null)
                    {
                        throw new RpcProtocolException("The server sent SETTINGS twice.");
                    }

                    break;
                case FrameType.GoAway when _goAway is null:
                    _goAway = Encoding.UTF8.GetString(frame.Payload.Span);
                    LogGoAway(_logger, _options.EndPoint.ToString()!, _goAway);
                    Retire();
                    break;
            }
        }

        throw new RpcProtocolException("The server ended its control stream.");
    }

    private async Task ReadLaneAsync(FrameReader reader)
    {
        reader.AllowInlineReads();
        try
        {
            do
            {
                while (reader.TryRead(out var frame))
                {
                    OnLaneFrame(frame);
                }
            }
            while (await reader.FillAsync(CancellationToken.None).ConfigureAwait(false));
        }
        catch (RpcProtocolException)
        {
            // The end of a connection runs user code, which has no place on the engine's thread.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            throw;
        }

        throw new RpcProtocolException("The server ended a lane.");
    }

    [LoggerMessage(1001, LogLevel.Warning, "The server at {EndPoint} broke the protocol: {Reason}")]
    private static partial void LogProtocolViolation(ILogger logger, string endPoint, string reason);

    [LoggerMessage(1004, LogLevel.Error, "A callback on the end of a connection failed")]
    private static partial void LogCancellationFailed(ILogger logger, Exception exception);

    [LoggerMessage(1002, LogLevel.Information, "The server at {EndPoint} asked for no more calls: {Reason}")]
    private static partial void LogGoAway(ILogger logger, string endPoint, string reason);
}
