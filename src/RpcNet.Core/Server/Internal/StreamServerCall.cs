using System.Runtime.CompilerServices;
using RpcNet.Framing;
using RpcNet.Transports;

namespace RpcNet.Server.Internal;

/// <summary>A call on a stream of its own.</summary>
internal sealed class StreamServerCall : ServerCall, IDisposable
{
    private readonly ITransportStream _stream;
    private readonly FrameReader _reader;
    private readonly StreamFrameWriter _writer;
    private readonly CancellationTokenSource _cancellation;
    private bool _endOfInput;
    private bool _reading;
    private volatile bool _expired;

    public StreamServerCall(
        ServerConnection connection,
        ITransportStream stream,
        FrameReader reader,
        ServerMethod method,
        IRpcSerializer serializer,
        in Frame request,
        in FrameExtension extension)
    {
        _stream = stream;
        _reader = reader;
        _writer = new StreamFrameWriter(stream, connection.Compression, () => DeadlineExceeded ? RpcErrorCode.DeadlineExceeded : RpcErrorCode.Cancelled);
        Connection = connection;
        Method = method;
        Serializer = serializer;
        Extension = extension;
        RequestPayload = request.Payload;
        RequestFlags = request.Header.Flags;
        _endOfInput = (request.Header.Flags & FrameFlags.EndOfInput) != 0;
        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(connection.CallsEnded);
        if (extension.TimeoutMicroseconds is { } timeout)
        {
            Deadline = connection.Deadlines.DeadlineAfter(TimeSpan.FromMicroseconds(timeout));
        }
    }

    public override CancellationToken CancellationToken => _cancellation.Token;

    protected override int MaxDecompressedBytes => Connection.Limits.MessageBytes;

    // The timer counts in whole milliseconds and may be a little ahead of the deadline that it stands for.
    protected override bool DeadlineExceeded => _expired || base.DeadlineExceeded;

    public async Task RunAsync()
    {
        using var timer = Deadline == long.MaxValue
            ? null
            : Connection.Time.CreateTimer(
                static call => ((StreamServerCall)call!).Expire(), this, Deadlines.Bound(Connection.Deadlines.Remaining(Deadline)), Timeout.InfiniteTimeSpan);

        // The caller cancels by resetting its side and stopping this one.
        _ = _stream.WritesClosed.ContinueWith(
            static (closed, call) =>
            {
                _ = closed.Exception;
                ((StreamServerCall)call!).Cancel();
            },
            this, CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.DenyChildAttach, TaskScheduler.Default);

        var fault = await RunHandlerAsync().ConfigureAwait(false);
        try
        {
            if (fault is null)
            {
                WriteAnswer();
            }
            else
            {
                WriteFault(fault);
            }
        }
        catch (Exception e)
        {
            WriteFault(ToFault(e));
        }

        Connection.ReleaseCall(Method);
        try
        {
            await _writer.FlushAsync(endStream: true, Connection.CallsEnded).ConfigureAwait(false);
            if (!_endOfInput)
            {
                _stream.AbortRead(RpcErrorCode.NoError);
            }
        }
        catch (Exception e) when (e is TransportException or OperationCanceledException)
        {
            // The caller has gone, and with it whoever waited for the answer.
        }
    }

    public override IAsyncEnumerable<T> ReadItems<T>(RpcMarshaller<T> marshaller) => ReadItemsAsync(marshaller);

    private async IAsyncEnumerable<T> ReadItemsAsync<T>(
        RpcMarshaller<T> marshaller, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        if (_reading)
        {
            throw new InvalidOperationException("The items of a call can be enumerated once.");
        }

        _reading = true;
        while (!_endOfInput)
        {
            if (!TryReadFrame(out var frame))
            {
                frame = await ReadFrameAsync(cancellationToken).ConfigureAwait(false);
            }

            if (frame.Header.Type == FrameType.Item)
            {
                yield return ReadMessage(marshaller, frame.Payload, frame.Header.Flags);
            }
            else if (frame.Header.Type == FrameType.End)
            {
                _endOfInput = true;
            }
        }
    }

    public override async Task WriteItemsAsync<T>(ServerCallContext context, IAsyncEnumerable<T> items, RpcMarshaller<T> marshaller)
    {
        try
        {
            await _writer.WriteItemsAsync(
                items, marshaller, Serializer, Connection.MaxMessageBytes, abandonSource: false, CancellationToken,
                beforeFirstItem: () => WriteHeaders(context)).ConfigureAwait(false);
        }
        catch (TransportException e) when (e.Error != TransportError.Internal)
        {
            // The caller has had enough, or has gone: no failure of the handler.
            Cancel();
            throw new OperationCanceledException(CancellationToken);
        }
    }

    public void Dispose()
    {
        ResetCall();
        _writer.Dispose();
        _cancellation.Dispose();
    }

    private async ValueTask<Frame> ReadFrameAsync(CancellationToken enumerationToken)
    {
        // Handlers mostly pass on the call's own token, which needs no second source.
        using var linked = enumerationToken.CanBeCanceled && enumerationToken != CancellationToken
            ? CancellationTokenSource.CreateLinkedTokenSource(CancellationToken, enumerationToken)
            : null;
        try
        {
            return await _reader.ReadAsync(linked?.Token ?? CancellationToken).ConfigureAwait(false)
                ?? throw new RpcFaultException(RpcStatusCode.InvalidArgument, $"The caller's items of {Method.Descriptor.FullName} ended without END.");
        }
        catch (TransportException)
        {
            Cancel();
            throw new OperationCanceledException(CancellationToken);
        }
        catch (RpcProtocolException e)
        {
            throw BadInput(e);
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
            throw BadInput(e);
        }
    }

    private static RpcFaultException BadInput(RpcProtocolException e) =>
        new(e.ErrorCode == RpcErrorCode.LimitExceeded ? RpcStatusCode.ResourceExhausted : RpcStatusCode.InvalidArgument, e.Message);

    private void WriteHeaders(ServerCallContext context)
    {
        if (context.AnswerExtension.Metadata is { Count: > 0 } metadata)
        {
            AppendExtension(FrameType.Headers, new FrameExtension { Metadata = metadata });
            context.ResponseMetadata = new RpcMetadata();
        }
    }

    private void WriteAnswer()
    {
        var context = Context!;
        if (Method.Descriptor.Kind is RpcMethodKind.ServerStreaming or RpcMethodKind.Bidirectional)
        {
            AppendExtension(FrameType.End, context.AnswerExtension);
            return;
        }

        var buffer = Scratch.Rent();
        try
        {
            if (context.HasAnswerMetadata)
            {
                context.AnswerExtension.Write(buffer);
            }

            var extensionLength = buffer.Count;
            Connection.CheckMetadata(extensionLength);
            context.WriteResponse(Serializer, buffer);
            Connection.CheckMessage(buffer.Count - extensionLength);
            var flags = Connection.Compression.Compress(buffer, extensionLength);
            _writer.Append(
                FrameType.Response, flags, 0, buffer.WrittenSpan[..extensionLength], buffer.WrittenSpan[extensionLength..]);
        }
        finally
        {
            Scratch.Return(buffer);
        }
    }

    private void AppendExtension(FrameType type, in FrameExtension extension)
    {
        var buffer = Scratch.Rent();
        try
        {
            if (!extension.IsEmpty)
            {
                extension.Write(buffer);
                Connection.CheckMetadata(buffer.Count);
            }

            _writer.Append(type, FrameFlags.None, 0, buffer.WrittenSpan, []);
        }
        finally
        {
            Scratch.Return(buffer);
        }
    }

    private void WriteFault(RpcFaultException fault)
    {
        var buffer = Scratch.Rent();
        try
        {
            Faults.WriteExtension(fault, Context?.AnswerExtension.Trailers, Connection.MaxMetadataBytes, buffer);
            _writer.Append(FrameType.Fault, FrameFlags.None, (uint)fault.Status, buffer.WrittenSpan, []);
        }
        finally
        {
            Scratch.Return(buffer);
        }
    }

    private void Expire()
    {
        _expired = true;
        Cancel();
    }

    private void Cancel()
    {
        try
        {
            Connection.RunCancellation(_cancellation);
        }
        catch (ObjectDisposedException)
        {
            // The call has ended meanwhile.
        }
    }
}
