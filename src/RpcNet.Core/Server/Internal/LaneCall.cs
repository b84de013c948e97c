using System.Buffers;
using System.Collections.Concurrent;
using System.Numerics;
using RpcNet.Framing;
using RpcNet.Transports;

namespace RpcNet.Server.Internal;

/// <summary>A unary call on a lane: pooled, dispatched as its own work item.</summary>
internal sealed class LaneCall : ServerCall, IThreadPoolWorkItem
{
    private const int MaxPooled = 2048;

    /// <summary>What a pooled call keeps; larger requests borrow their memory.</summary>
    private const int KeptBytes = 1024;

    private static readonly ConcurrentQueue<LaneCall> Pool = new();
    private static int _pooled;

    private CancellationTokenSource _cancellation = new();
    private byte[] _buffer = [];
    private ServerLane _lane = null!;
    private uint _callId;

    public override CancellationToken CancellationToken => _cancellation.Token;

    protected override int MaxDecompressedBytes => Connection.Limits.InlinePayloadBytes;

    /// <summary>Set under the lane's lock; such a call is not pooled again, since someone may still be cancelling it.</summary>
    public bool CancelRequested { get; set; }

    public static LaneCall Rent(ServerLane lane, ServerMethod method, IRpcSerializer serializer, in Frame frame, in FrameExtension extension)
    {
        if (Pool.TryDequeue(out var call))
        {
            Interlocked.Decrement(ref _pooled);
        }
        else
        {
            call = new LaneCall();
        }

        call._lane = lane;
        call._callId = frame.Header.CallId;
        call.Connection = lane.Connection;
        call.Method = method;
        call.Serializer = serializer;
        call.Extension = extension;
        var size = frame.Payload.Length;
        if (call._buffer.Length < size)
        {
            call._buffer = size <= KeptBytes
                ? new byte[Math.Max(128, BitOperations.RoundUpToPowerOf2((uint)size))]
                : ArrayPool<byte>.Shared.Rent(size);
        }

        frame.Payload.CopyTo(call._buffer);
        call.RequestPayload = call._buffer.AsMemory(0, size);
        call.RequestFlags = frame.Header.Flags;
        call.Deadline = extension.TimeoutMicroseconds is { } timeout
            ? lane.Connection.Deadlines.DeadlineAfter(TimeSpan.FromMicroseconds(timeout))
            : long.MaxValue;
        return call;
    }

    public void Execute() => _ = RunAsync();

    /// <summary>Cancels the handler's token, on the thread pool since that runs user code.</summary>
    public void QueueCancel() =>
        ThreadPool.UnsafeQueueUserWorkItem(static call => call.Connection.RunCancellation(call._cancellation), this, preferLocal: false);

    public override IAsyncEnumerable<T> ReadItems<T>(RpcMarshaller<T> marshaller) => throw NeedsStream();

    public override Task WriteItemsAsync<T>(ServerCallContext context, IAsyncEnumerable<T> items, RpcMarshaller<T> marshaller) =>
        throw NeedsStream();

    private RpcFaultException NeedsStream() =>
        new(RpcStatusCode.InvalidArgument, $"{Method.Descriptor.FullName} has a stream and cannot be called on a lane.");

    private async Task RunAsync()
    {
        var handling = RunHandlerAsync();
        var fault = handling.IsCompletedSuccessfully ? handling.Result : await handling.ConfigureAwait(false);
        try
        {
            fault = fault is null ? await AnswerAsync().ConfigureAwait(false) : fault;
            if (fault is not null)
            {
                LeaveLane();
                _lane.WriteFault(_callId, fault, Context, FrameFlags.None);
            }
        }
        finally
        {
            Finish();
        }
    }

    /// <summary>Sends the response; gives the fault to be sent instead.</summary>
    private async ValueTask<RpcFaultException?> AnswerAsync()
    {
        try
        {
            if (WriteResponse() is { } large)
            {
                await SendLargeAsync(large).ConfigureAwait(false);
            }

            return null;
        }
        catch (TransportException e)
        {
            // Mostly the connection is gone, and with it whoever waited for the answer.
            return Faults.Unavailable($"The response could not be sent: {e.Message}", mayHaveExecuted: true);
        }
        catch (Exception e)
        {
            return ToFault(e);
        }
    }

    /// <summary>
    /// Frees the call's id and its place among the calls in flight, ahead of the terminal frame: a client that has
    /// received that frame may use both again.
    /// </summary>
    private void LeaveLane()
    {
        _lane.Remove(_callId);
        Connection.ReleaseCall(Method);
    }

    /// <summary>Writes the response into the lane; gives the message back when it is too large for that.</summary>
    private PooledBufferWriter? WriteResponse()
    {
        var context = Context!;
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
            var inline = buffer.Count - extensionLength <= Connection.MaxInlineBytes;
            var flags = Connection.Compression.Compress(buffer, extensionLength);
            var extension = buffer.WrittenSpan[..extensionLength];
            var payload = buffer.WrittenSpan[extensionLength..];
            if (inline)
            {
                LeaveLane();
                var header = FrameHeader.Create(FrameType.Response, flags, extensionLength, payload.Length, _callId, 0);
                _lane.Writer.Append(header, extension, payload, inline: Connection.CallsInFlight == 0, out _);
                return null;
            }

            var message = new PooledBufferWriter(buffer.Count + FrameHeader.Size + (2 * VarInt.MaxLength));
            message.Advance(VarInt.Write(message.GetSpan(VarInt.MaxLength), StreamType.LargeResponse));
            message.Advance(VarInt.Write(message.GetSpan(VarInt.MaxLength), _callId));
            FrameHeader.Create(FrameType.Response, flags, extensionLength, payload.Length, 0, 0)
                .Write(message.GetSpan(FrameHeader.Size));
            message.Advance(FrameHeader.Size);
            message.Write(extension);
            message.Write(payload);
            return message;
        }
        finally
        {
            Scratch.Return(buffer);
        }
    }

    private async ValueTask SendLargeAsync(PooledBufferWriter message)
    {
        using (message)
        {
            var stream = await Connection.Transport
                .OpenStreamAsync(TransportStreamDirection.Unidirectional, CancellationToken).ConfigureAwait(false);
            await using (stream.ConfigureAwait(false))
            {
                // A cancelled write resets the stream, so that a caller who has gone is not sent the rest.
                await stream.WriteAsync(message.WrittenMemory, endStream: true, CancellationToken).ConfigureAwait(false);
            }
        }

        LeaveLane();
        _lane.Writer.Append(
            FrameHeader.Create(FrameType.ResponseOnStream, FrameFlags.None, 0, 0, _callId, 0), [], [], inline: false, out _);
    }

    private void Finish()
    {
        if (_buffer.Length > KeptBytes)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }

        Connection.ExitCall();
        if (CancelRequested)
        {
            return;
        }

        ResetCall();
        if (!_cancellation.TryReset())
        {
            _cancellation = new CancellationTokenSource();
        }

        _lane = null!;
        Connection = null!;
        if (Interlocked.Increment(ref _pooled) <= MaxPooled)
        {
            Pool.Enqueue(this);
        }
        else
        {
            Interlocked.Decrement(ref _pooled);
        }
    }
}
