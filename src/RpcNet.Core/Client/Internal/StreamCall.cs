using RpcNet.Framing;
using RpcNet.Transports;

namespace RpcNet.Client.Internal;

/// <summary>A call on a stream of its own: everything with a stream in it, and unary calls with a large request.</summary>
internal sealed class StreamCall : IAsyncDisposable
{
    private readonly ClientConnection _connection;
    private readonly ITransportStream _stream;
    private readonly StreamFrameWriter _writer;
    private readonly FrameReader _reader;
    private readonly RpcMethod _method;
    private readonly CallSetup _setup;
    private readonly CancellationToken _callerToken;
    private readonly CancellationTokenSource _lifetime;
    private readonly CancellationTokenSource? _deadline;
    private Task _sending = Task.CompletedTask;
    private Exception? _sendFailure;
    private bool _completed;
    private bool _disposed;

    private StreamCall(
        ClientConnection connection,
        ITransportStream stream,
        RpcMethod method,
        CallSetup setup,
        CancellationTokenSource? deadline,
        CancellationToken callerToken)
    {
        _connection = connection;
        _stream = stream;
        _method = method;
        _setup = setup;
        _callerToken = callerToken;
        _deadline = deadline;
        _lifetime = CancellationTokenSource.CreateLinkedTokenSource(callerToken, connection.Ended, deadline?.Token ?? CancellationToken.None);
        _writer = new StreamFrameWriter(stream, connection.Compression);
        _reader = new FrameReader(stream, connection.Limits.MetadataBytes, connection.Limits.MessageBytes);
    }

    public static async ValueTask<StreamCall> OpenAsync(
        ClientConnection connection,
        RpcMethod method,
        CallSetup setup,
        TimeSpan? timeout,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        var deadline = timeout is { } t ? Deadlines.CreateSource(t, time) : null;
        if (!connection.TryEnterStreamCall())
        {
            deadline?.Dispose();
            throw connection.Lost(error: null, mayHaveExecuted: false);
        }

        try
        {
            using var opening = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline?.Token ?? CancellationToken.None);
            var stream = await connection.Transport
                .OpenStreamAsync(TransportStreamDirection.Bidirectional, opening.Token).ConfigureAwait(false);
            return new StreamCall(connection, stream, method, setup, deadline, cancellationToken);
        }
        catch (Exception e)
        {
            var expired = deadline is { IsCancellationRequested: true };
            deadline?.Dispose();
            connection.ExitStreamCall();
            throw e switch
            {
                OperationCanceledException when cancellationToken.IsCancellationRequested => new OperationCanceledException(cancellationToken),
                OperationCanceledException when expired => Faults.DeadlineExceeded(method, mayHaveExecuted: false),
                TransportException lost => connection.Lost(lost, mayHaveExecuted: false),
                _ => e,
            };
        }
    }

    public static async ValueTask<TResponse> UnaryAsync<TRequest, TResponse>(
        ClientConnection connection,
        RpcUnaryMethod<TRequest, TResponse> method,
        TRequest request,
        CallSetup setup,
        TimeSpan? timeout,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        var call = await OpenAsync(connection, method, setup, timeout, time, cancellationToken).ConfigureAwait(false);
        await using (call.ConfigureAwait(false))
        {
            await call.SendRequestAsync(method.Request, request, endOfInput: true, timeout).ConfigureAwait(false);
            return await call.ReadSingleAsync(method.Response).ConfigureAwait(false);
        }
    }

    public static async ValueTask<TOutput> ClientStreamingAsync<TRequest, TInput, TOutput>(
        ClientConnection connection,
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput> input,
        CallSetup setup,
        TimeSpan? timeout,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        var call = await OpenAsync(connection, method, setup, timeout, time, cancellationToken).ConfigureAwait(false);
        await using (call.ConfigureAwait(false))
        {
            await call.SendRequestAsync(method.Request, request, endOfInput: false, timeout).ConfigureAwait(false);
            call._sending = call.SendItemsAsync(input, method.Input);
            return await call.ReadSingleAsync(method.Output).ConfigureAwait(false);
        }
    }

    /// <summary>The response stream of a started call; the call ends with its enumeration.</summary>
    public static async IAsyncEnumerable<TOutput> StreamAsync<TRequest, TInput, TOutput>(
        StreamCall call,
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput>? input,
        TimeSpan? timeout)
    {
        await using (call.ConfigureAwait(false))
        {
            await call.SendRequestAsync(method.Request, request, endOfInput: input is null, timeout).ConfigureAwait(false);
            if (input is not null)
            {
                call._sending = call.SendItemsAsync(input, method.Input);
            }

            while (true)
            {
                if (!call.TryReadFrame(out var frame))
                {
                    frame = await call.ReadFrameAsync().ConfigureAwait(false);
                }

                if (frame.Header.Type == FrameType.Item)
                {
                    yield return ResponseReader.ReadMessage(method.Output, call._connection, frame.Header.Flags, frame.Payload, method);
                }
                else if (call.TakeNonItem(frame))
                {
                    yield break;
                }
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        if (!_completed)
        {
            _stream.AbortWrite(RpcErrorCode.Cancelled);
            _stream.AbortRead(RpcErrorCode.Cancelled);
        }

        try
        {
            if (!_sending.IsCompleted)
            {
                await _lifetime.CancelAsync().ConfigureAwait(false);
                await _sending.ConfigureAwait(false);
            }

            await _stream.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            _reader.Dispose();
            _writer.Dispose();
            _lifetime.Dispose();
            _deadline?.Dispose();
            _connection.ExitStreamCall();
        }
    }

    private async ValueTask SendRequestAsync<TRequest>(RpcMarshaller<TRequest> marshaller, TRequest request, bool endOfInput, TimeSpan? timeout)
    {
        using var extension = new PooledBufferWriter();
        _connection.WriteExtension(extension, _setup.Metadata, timeout, _connection.SerializerOf(_method), _method);
        _connection.CheckMetadata(extension.Count);
        _writer.AppendVarInt(StreamType.Call);
        try
        {
            _writer.AppendMessage(
                FrameType.Request,
                endOfInput ? FrameFlags.EndOfInput : FrameFlags.None,
                extension.WrittenSpan,
                marshaller,
                _connection.SerializerOf(_method),
                request,
                _connection.MaxMessageBytes);
        }
        catch (Exception e) when (e is RpcFaultException or RpcSerializationException)
        {
            throw Faults.RequestFailure(_method, e);
        }

        try
        {
            await _writer.FlushAsync(endOfInput, _lifetime.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or TransportException { Error: not TransportError.StreamAborted })
        {
            throw Translate(e);
        }
        catch (TransportException)
        {
            // The server stopped the request: its answer, read next, says why.
        }
    }

    /// <summary>Sends the input until its end. Its failure ends the call, and the caller sees it.</summary>
    private async Task SendItemsAsync<TInput>(IAsyncEnumerable<TInput> input, RpcMarshaller<TInput> marshaller)
    {
        try
        {
            await _writer.WriteItemsAsync(
                input,
                marshaller,
                _connection.SerializerOf(_method),
                _connection.MaxMessageBytes,
                abandonSource: true,
                _lifetime.Token).ConfigureAwait(false);
            _writer.Append(FrameType.End, FrameFlags.None, 0, [], []);
            await _writer.FlushAsync(endStream: true, _lifetime.Token).ConfigureAwait(false);
        }
        catch (TransportException)
        {
            // The server needs no more input, or the connection is lost: the reading side learns which.
        }
        catch (OperationCanceledException) when (_lifetime.IsCancellationRequested)
        {
            _stream.AbortWrite(RpcErrorCode.Cancelled);
        }
        catch (Exception e)
        {
            _sendFailure = e is RpcSerializationException
                ? new RpcFaultException(RpcStatusCode.InvalidArgument, $"An item of {_method.FullName} cannot be written: {e.Message}", innerException: e)
                : e;
            _stream.AbortWrite(RpcErrorCode.Cancelled);
            await _lifetime.CancelAsync().ConfigureAwait(false);
        }
    }

    private async ValueTask<T> ReadSingleAsync<T>(RpcMarshaller<T> marshaller)
    {
        while (true)
        {
            var frame = await ReadFrameAsync().ConfigureAwait(false);
            if (frame.Header.Type == FrameType.Response)
            {
                _completed = true;
                _setup.Deliver(ResponseReader.ReadExtension(frame.Extension));
                return ResponseReader.ReadMessage(marshaller, _connection, frame.Header.Flags, frame.Payload, _method);
            }

            if (TakeNonItem(frame))
            {
                throw NoAnswer();
            }
        }
    }

    /// <summary>Takes a frame that carries no message; true when it ends the stream of items.</summary>
    private bool TakeNonItem(in Frame frame)
    {
        switch (frame.Header.Type)
        {
            case FrameType.Headers:
                _setup.Deliver(ResponseReader.ReadExtension(frame.Extension));
                return false;
            case FrameType.End:
                _completed = true;
                _setup.Deliver(ResponseReader.ReadExtension(frame.Extension));
                return true;
            case FrameType.Fault:
                throw Fault(frame);
            default:
                return false;
        }
    }

    private bool TryReadFrame(out Frame frame)
    {
        try
        {
            return _reader.TryRead(out frame);
        }
        catch (RpcProtocolException e)
        {
            throw Translate(e);
        }
    }

    private async ValueTask<Frame> ReadFrameAsync()
    {
        try
        {
            return await _reader.ReadAsync(_lifetime.Token).ConfigureAwait(false) ?? throw NoAnswer();
        }
        catch (Exception e) when (e is OperationCanceledException or TransportException or RpcProtocolException)
        {
            throw Translate(e);
        }
    }

    private RpcFaultException NoAnswer() =>
        new(RpcStatusCode.Internal, $"The server ended {_method.FullName} without an answer.");

    private RpcFaultException Fault(in Frame frame)
    {
        _completed = true;
        var extension = ResponseReader.ReadExtension(frame.Extension);
        _setup.Deliver(extension);
        var fault = Faults.ToException(frame.Header, extension);

        // The answer to this side's own giving up, which overtook it.
        return fault.Status == RpcStatusCode.Cancelled && _deadline is { IsCancellationRequested: true } ? Faults.DeadlineExceeded(_method) : fault;
    }

    /// <summary>The server reset the stream: its code stands for the FAULT that it could not send.</summary>
    private RpcFaultException BrokenOff(TransportException e)
    {
        var status = e.ApplicationErrorCode switch
        {
            RpcErrorCode.Cancelled => RpcStatusCode.Cancelled,
            RpcErrorCode.DeadlineExceeded => RpcStatusCode.DeadlineExceeded,
            RpcErrorCode.LimitExceeded => RpcStatusCode.ResourceExhausted,
            RpcErrorCode.ProtocolViolation or RpcErrorCode.InternalError => RpcStatusCode.Internal,
            _ => RpcStatusCode.Unavailable,
        };
        return new RpcFaultException(status, $"The server broke off {_method.FullName} (code {e.ApplicationErrorCode}).", innerException: e);
    }

    private Exception Translate(Exception e)
    {
        if (_sendFailure is not null)
        {
            return _sendFailure;
        }

        if (_callerToken.IsCancellationRequested)
        {
            return new OperationCanceledException(_callerToken);
        }

        if (_deadline is { IsCancellationRequested: true })
        {
            return Faults.DeadlineExceeded(_method);
        }

        return e switch
        {
            RpcProtocolException { ErrorCode: RpcErrorCode.LimitExceeded } =>
                new RpcFaultException(RpcStatusCode.ResourceExhausted, $"The server's answer exceeds a limit: {e.Message}", innerException: e),
            RpcProtocolException => new RpcFaultException(RpcStatusCode.Internal, $"The server broke the protocol: {e.Message}", innerException: e),
            TransportException { Error: TransportError.StreamAborted } t => BrokenOff(t),
            TransportException t => _connection.Lost(t, mayHaveExecuted: true),
            _ => _connection.Ended.IsCancellationRequested ? _connection.Lost(e, mayHaveExecuted: true) : e,
        };
    }
}
