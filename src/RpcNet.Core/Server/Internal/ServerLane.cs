using System.Text;
using RpcNet.Diagnostics;
using RpcNet.Framing;
using RpcNet.Transports;

namespace RpcNet.Server.Internal;

/// <summary>The server's end of one lane. Its reader parses and dispatches and never runs user code.</summary>
internal sealed class ServerLane : IDisposable
{
    private readonly Dictionary<uint, ServerMethod?> _methods = [];
    private readonly Dictionary<uint, LaneCall> _active = [];
    private readonly Lock _gate = new();

    private ServerLane(ServerConnection connection, LaneWriter writer)
    {
        Connection = connection;
        Writer = writer;
    }

    public ServerConnection Connection { get; }

    public LaneWriter Writer { get; }

    public static async Task<ServerLane> OpenAsync(ServerConnection connection, long laneId, CancellationToken cancellationToken)
    {
        var stream = await connection.Transport
            .OpenStreamAsync(TransportStreamDirection.Unidirectional, cancellationToken).ConfigureAwait(false);
        var preface = new byte[2 * VarInt.MaxLength];
        var length = VarInt.Write(preface, StreamType.Lane);
        length += VarInt.Write(preface.AsSpan(length), laneId);
        await stream.WriteAsync(preface.AsMemory(0, length), endStream: false, cancellationToken).ConfigureAwait(false);
        return new ServerLane(connection, new LaneWriter(stream, connection.Dispatch, connection.Limits.LaneQueueBytes, connection.OnLaneFailed));
    }

    /// <summary>Reads until the stream ends; stops reading while responses pile up for a slow client.</summary>
    public async Task ReadAsync(FrameReader reader, CancellationToken cancellationToken)
    {
        reader.AllowInlineReads();
        try
        {
            do
            {
                while (reader.TryRead(out var frame))
                {
                    OnFrame(frame);
                    while (!Writer.HasRoom)
                    {
                        await Writer.WaitForRoomAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
                    }
                }
            }
            while (await reader.FillAsync(cancellationToken).ConfigureAwait(false));
        }
        catch (RpcProtocolException)
        {
            // The end of a connection runs user code, which has no place on the engine's thread.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            throw;
        }
    }

    public void WriteFault(uint callId, RpcFaultException fault, ServerCallContext? context, FrameFlags flags)
    {
        var buffer = Scratch.Rent();
        try
        {
            Faults.WriteExtension(fault, context?.AnswerExtension.Trailers, Connection.MaxMetadataBytes, buffer);
            var header = FrameHeader.Create(FrameType.Fault, flags, buffer.Count, 0, callId, (uint)fault.Status);
            Writer.Append(header, buffer.WrittenSpan, [], inline: false, out _);
        }
        finally
        {
            Scratch.Return(buffer);
        }
    }

    public void Remove(uint callId)
    {
        lock (_gate)
        {
            _active.Remove(callId);
        }
    }

    /// <summary>Cancels every call that is due; gives the earliest deadline left.</summary>
    public long Expire(long now)
    {
        var next = long.MaxValue;
        lock (_gate)
        {
            foreach (var call in _active.Values)
            {
                if (call.Deadline > now)
                {
                    next = Math.Min(next, call.Deadline);
                }
                else
                {
                    RequestCancel(call);
                }
            }
        }

        return next;
    }

    public void CancelAll()
    {
        lock (_gate)
        {
            foreach (var call in _active.Values)
            {
                RequestCancel(call);
            }
        }
    }

    public void Dispose() => Writer.Dispose();

    private static void RequestCancel(LaneCall call)
    {
        if (!call.CancelRequested)
        {
            call.CancelRequested = true;
            call.QueueCancel();
        }
    }

    private void OnFrame(in Frame frame)
    {
        switch (frame.Header.Type)
        {
            case FrameType.Request:
                OnRequest(frame);
                break;
            case FrameType.Cancel:
                OnCancel(frame.Header.CallId);
                break;
            case FrameType.DefineMethod:
                OnDefineMethod(frame);
                break;
        }
    }

    private void OnDefineMethod(in Frame frame)
    {
        if (_methods.Count >= WireLimits.MethodsPerLane)
        {
            throw new RpcProtocolException($"A lane may define at most {WireLimits.MethodsPerLane} methods.", RpcErrorCode.LimitExceeded);
        }

        if (frame.Payload.Length > WireLimits.MethodNameBytes)
        {
            throw new RpcProtocolException($"A method's name has {frame.Payload.Length} bytes; the limit is {WireLimits.MethodNameBytes}.", RpcErrorCode.LimitExceeded);
        }

        Connection.Server.Services.TryGet(Encoding.UTF8.GetString(frame.Payload.Span), out var method);
        if (!_methods.TryAdd(frame.Header.Argument, method))
        {
            throw new RpcProtocolException($"The method id {frame.Header.Argument} was defined twice.");
        }
    }

    private void OnRequest(in Frame frame)
    {
        var callId = frame.Header.CallId;
        if (!_methods.TryGetValue(frame.Header.Argument, out var method))
        {
            throw new RpcProtocolException($"A request names the method id {frame.Header.Argument}, which was not defined.");
        }

        if (frame.Payload.Length > Connection.Limits.InlinePayloadBytes)
        {
            throw new RpcProtocolException(
                $"A request of {frame.Payload.Length} bytes came in a lane; the limit is {Connection.Limits.InlinePayloadBytes}.",
                RpcErrorCode.LimitExceeded);
        }

        lock (_gate)
        {
            if (_active.ContainsKey(callId))
            {
                throw new RpcProtocolException($"The call id {callId} is in use.");
            }
        }

        var extension = FrameExtension.Read(frame.Extension);
        if (Connection.TryAccept(method, extension, out var serializer) is { } refusal)
        {
            RpcTelemetry.CallRefused(refusal.Status);
            WriteFault(callId, refusal, context: null, FrameFlags.NotExecuted);
            return;
        }

        var call = LaneCall.Rent(this, method!, serializer, frame, extension);
        lock (_gate)
        {
            _active.Add(callId, call);
        }

        if (call.Deadline != long.MaxValue)
        {
            Connection.Deadlines.Arm(call.Deadline);
        }

        Connection.Dispatch.Enqueue(call);
    }

    private void OnCancel(uint callId)
    {
        lock (_gate)
        {
            if (_active.TryGetValue(callId, out var call))
            {
                RequestCancel(call);
            }
        }
    }
}
