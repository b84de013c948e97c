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
        _writer = new StreamFrameWriter(stream);
        Connection = connection;
        Method = method;
        Serializer = serializer;
        Extension = extension;
        RequestPayload = request.Payload;
        _endOfInput = (request.Header.Flags & FrameFlags.EndOfInput) != 0;
        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(connection.CallsEnded);
        if (extension.TimeoutMicroseconds is { } timeout)
        {
            Deadline = connection.Deadlines.DeadlineAfter(TimeSpan.FromMicroseconds(Math.Min(timeout, 1e15)));
        }
    }

    public override CancellationToken CancellationToken => _cancellation.Token;

    public async Task RunAsync()
    {
        using var timer = Deadline == long.MaxValue
            ? null
            : Connection.Time.CreateTimer(
                static call => ((StreamServerCall)call!).Cancel(), this, Connection.Deadlines.Remaining(Deadline), Timeout.InfiniteTimeSpan);

        // The caller cancels by resetting its side and stopping this one.
        _ = _stream.WritesClosed.ContinueWith(
            static (_, call) => ((StreamServerCall)call!).Cancel(), this, CancellationToken.None,
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
        catch (Exception e) when (e is RpcSerializationException or RpcFaultException)
        {
            WriteFault(e as RpcFaultException
                ?? new RpcFaultException(RpcStatusCode.Internal, $"The result of {Method.Descriptor.FullName} cannot be written: {e.Message}"));
        }

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

    public override async IAsyncEnumerable<T> ReadItems<T>(RpcMarshaller<T> marshaller)
    {
        if (_reading)
        {
            throw new InvalidOperationException("The items of a call can be enumerated once.");
        }

        _reading = true;
        while (!_endOfInput)
        {
            if (!_reader.TryRead(out var frame))
            {
                frame = await ReadFrameAsync().ConfigureAwait(false);
            }

            if (frame.Header.Type == FrameType.Item)
            {
                yield return ReadMessage(marshaller, frame.Payload);
            }
            else if (frame.Header.Type == FrameType.End)
            {
                _endOfInput = true;
            }
        }
    }

    public override Task WriteItemsAsync<T>(ServerCallContext context, IAsyncEnumerable<T> items, RpcMarshaller<T> marshaller) =>
        _writer.WriteItemsAsync(
            items, marshaller, Serializer, Connection.MaxMessageBytes, CancellationToken, beforeFirstItem: () => WriteHeaders(context));

    public void Dispose()
    {
        _writer.Dispose();
        _cancellation.Dispose();
    }

    private async ValueTask<Frame> ReadFrameAsync()
    {
        try
        {
            return await _reader.ReadAsync(CancellationToken).ConfigureAwait(false)
                ?? throw new RpcFaultException(RpcStatusCode.InvalidArgument, $"The caller's items of {Method.Descriptor.FullName} ended without END.");
        }
        catch (TransportException)
        {
            Cancel();
            throw new OperationCanceledException(CancellationToken);
        }
        catch (RpcProtocolException e)
        {
            throw new RpcFaultException(
                e.ErrorCode == RpcErrorCode.LimitExceeded ? RpcStatusCode.ResourceExhausted : RpcStatusCode.InvalidArgument, e.Message);
        }
    }

    private void WriteHeaders(ServerCallContext context)
    {
        if (context.AnswerExtension.Metadata is { Count: > 0 } metadata)
        {
            _writer.Append(FrameType.Headers, 0, new FrameExtension { Metadata = metadata });
            context.ResponseMetadata = new RpcMetadata();
        }
    }

    private void WriteAnswer()
    {
        var context = Context!;
        if (Method.Descriptor.Kind is RpcMethodKind.ServerStreaming or RpcMethodKind.Bidirectional)
        {
            _writer.Append(FrameType.End, 0, context.AnswerExtension);
            return;
        }

        var buffer = Scratch.Rent();
        try
        {
            context.AnswerExtension.Write(buffer);
            var extensionLength = buffer.Count;
            context.WriteResponse(Serializer, buffer);
            Connection.CheckMessage(buffer.Count - extensionLength);
            _writer.Append(
                FrameType.Response, FrameFlags.None, 0, buffer.WrittenSpan[..extensionLength], buffer.WrittenSpan[extensionLength..]);
        }
        finally
        {
            Scratch.Return(buffer);
        }
    }

    private void WriteFault(RpcFaultException fault) =>
        _writer.Append(FrameType.Fault, (uint)fault.Status, Faults.ToExtension(fault, Context?.AnswerExtension.Trailers));

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
