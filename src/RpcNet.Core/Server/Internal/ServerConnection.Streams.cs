using System.Net;
using Microsoft.Extensions.Logging;
using RpcNet.Diagnostics;
using RpcNet.Framing;
using RpcNet.Transports;

namespace RpcNet.Server.Internal;

/// <summary>The streams that the client opens.</summary>
internal sealed partial class ServerConnection
{
    /// <summary>The time within which a stream must say what it is.</summary>
    public static readonly TimeSpan PrefaceTimeout = TimeSpan.FromSeconds(10);

    private bool _hasControl;

    private async Task ServeStreamAsync(ITransportStream stream, CancellationToken cancellationToken)
    {
        await using (stream.ConfigureAwait(false))
        {
            try
            {
                using var reader = new FrameReader(stream, Limits.MetadataBytes, PeerSettings.MaxBytes);
                switch (await ReadPrefaceAsync(stream, reader, cancellationToken).ConfigureAwait(false))
                {
                    case (StreamType.Control, _):
                        await ReadControlAsync(reader, cancellationToken).ConfigureAwait(false);
                        break;
                    case (StreamType.Lane, var laneId):
                        await ServeLaneAsync(reader, laneId, cancellationToken).ConfigureAwait(false);
                        break;
                    case (StreamType.Call, _):
                        await ServeCallAsync(stream, reader, cancellationToken).ConfigureAwait(false);
                        break;
                    default:
                        stream.AbortRead(RpcErrorCode.NoError);
                        break;
                }
            }
            catch (RpcProtocolException e) when (stream.CanWrite)
            {
                if (Server.ViolationLog.TryPass(out var suppressed))
                {
                    LogStreamViolation(Logger, Transport.RemoteEndPoint, e.Message, suppressed);
                }

                stream.AbortRead(e.ErrorCode);
                stream.AbortWrite(e.ErrorCode);
            }
            catch (RpcProtocolException e)
            {
                await FailAsync(e).ConfigureAwait(false);
            }
            catch (TransportException e) when (e.Error == TransportError.StreamAborted && !stream.CanWrite)
            {
                await FailAsync(new RpcProtocolException("The client reset a lane or its control stream.")).ConfigureAwait(false);
            }
            catch (TransportException)
            {
                // The call or the connection has ended; the accept loop tells which.
            }
            catch (OperationCanceledException)
            {
                // The connection ends.
            }
            catch (Exception e)
            {
                LogStreamFailed(Logger, Transport.RemoteEndPoint, e);
                await Transport.CloseAsync(RpcErrorCode.InternalError, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Reads what the stream is, and waits for what must be known before it can be served.</summary>
    /// <exception cref="RpcProtocolException">LIMIT_EXCEEDED: the client took too long.</exception>
    private async ValueTask<(long? Type, long LaneId)> ReadPrefaceAsync(
        ITransportStream stream, FrameReader reader, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, CallsEnded);
        using var timer = Time.CreateTimer(
            static source => ((CancellationTokenSource)source!).Cancel(), limit, PrefaceTimeout, Timeout.InfiniteTimeSpan);
        try
        {
            var type = await reader.ReadVarIntAsync(limit.Token).ConfigureAwait(false);
            switch (type, stream.CanWrite)
            {
                case (StreamType.Control, false):
                    return (type, 0);
                case (StreamType.Lane, false):
                    var laneId = await reader.ReadVarIntAsync(limit.Token).ConfigureAwait(false)
                        ?? throw new RpcProtocolException("A lane ended before its id.");

                    // SETTINGS travel on another stream: a response must not be written before its limits are known.
                    await _peerSettings.Task.WaitAsync(limit.Token).ConfigureAwait(false);

                    // Calls that may be dispatched earlier have streams of their own.
                    await Transport.HandshakeCompleted.WaitAsync(limit.Token).ConfigureAwait(false);
                    return (type, laneId);
                case (StreamType.Call, true):
                    reader.MaxPayloadBytes = Limits.MessageBytes;
                    if (!await reader.WaitForHeaderAsync(limit.Token).ConfigureAwait(false))
                    {
                        throw new RpcProtocolException("A call's stream ended before its request.");
                    }

                    if (reader.NextLength > Limits.InlinePayloadBytes)
                    {
                        // What a replay may make the server hold is little: the rest stays unread, under flow control.
                        await Transport.HandshakeCompleted.WaitAsync(limit.Token).ConfigureAwait(false);
                    }

                    await _peerSettings.Task.WaitAsync(limit.Token).ConfigureAwait(false);
                    return (type, 0);
                default:
                    return (null, 0);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested && !CallsEnded.IsCancellationRequested)
        {
            throw new RpcProtocolException(
                $"A stream did not say within {PrefaceTimeout.TotalSeconds:0} s what it is, or SETTINGS did not come.",
                RpcErrorCode.LimitExceeded);
        }
    }

    private async Task ReadControlAsync(FrameReader reader, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _hasControl, true))
        {
            throw new RpcProtocolException("The client opened a second control stream.");
        }

        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false) is { } frame)
        {
            if (frame.Header.Type == FrameType.Settings)
            {
                OnSettings(PeerSettings.Read(frame.Payload));
            }
            else if (!_peerSettings.Task.IsCompleted)
            {
                throw new RpcProtocolException($"The control stream begins with a frame of type {frame.Header.Type} instead of SETTINGS.");
            }
        }

        throw new RpcProtocolException("The client ended its control stream.");
    }

    private void OnSettings(PeerSettings settings)
    {
        if (_peerSettings.Task.IsCompleted)
        {
            throw new RpcProtocolException("The client sent SETTINGS twice.");
        }

        MaxInlineBytes = Math.Min(Limits.InlinePayloadBytes, settings.MaxInlinePayloadBytes);
        MaxMessageBytes = Math.Min(Limits.MessageBytes, settings.MaxMessageBytes);
        MaxMetadataBytes = Math.Min(Limits.MetadataBytes, settings.MaxMetadataBytes);
        Compression = PayloadCompression.Agree(Server.Options.Compression, settings);
        _peerSettings.TrySetResult(settings);
    }

    private async Task ServeLaneAsync(FrameReader reader, long laneId, CancellationToken cancellationToken)
    {
        if (laneId >= Limits.Lanes)
        {
            throw new RpcProtocolException($"The lane id {laneId} exceeds the limit of {Limits.Lanes} lanes.", RpcErrorCode.LimitExceeded);
        }

        if (_lanes.ContainsKey(laneId))
        {
            throw new RpcProtocolException($"The lane id {laneId} is in use.");
        }

        reader.MaxPayloadBytes = Math.Max(Limits.InlinePayloadBytes, WireLimits.MethodNameBytes);
        var lane = await ServerLane.OpenAsync(this, laneId, cancellationToken).ConfigureAwait(false);
        if (!_lanes.TryAdd(laneId, lane))
        {
            lane.Dispose();
            throw new RpcProtocolException($"The lane id {laneId} is in use.");
        }

        await lane.ReadAsync(reader, cancellationToken).ConfigureAwait(false);
        throw new RpcProtocolException("The client ended a lane.");
    }

    private async Task ServeCallAsync(ITransportStream stream, FrameReader reader, CancellationToken cancellationToken)
    {
        var request = await reader.ReadAsync(cancellationToken).ConfigureAwait(false)
            ?? throw new RpcProtocolException("A call's stream ended before its request.");
        if (request.Header.Type != FrameType.Request)
        {
            throw new RpcProtocolException($"A call's stream begins with a frame of type {request.Header.Type} instead of REQUEST.");
        }

        var extension = FrameExtension.Read(request.Extension);
        Server.Services.TryGet(extension.Method ?? "", out var method);
        if (!Transport.HandshakeCompleted.IsCompletedSuccessfully)
        {
            await HoldUnlessReplayableAsync(method).ConfigureAwait(false);
        }

        if (TryAccept(method, extension, out var serializer) is { } refusal)
        {
            RpcTelemetry.CallRefused(refusal.Status);
            using var writer = new StreamFrameWriter(stream, PayloadCompression.None);
            using var scratch = new PooledBufferWriter();
            Faults.WriteExtension(refusal, trailers: null, MaxMetadataBytes, scratch);
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

    // What has come so far is early data, which may be a replay. An end of the connection ends the wait.
    private Task HoldUnlessReplayableAsync(ServerMethod? method)
    {
        var dispatch = method is { Descriptor: { Replayable: true, Kind: RpcMethodKind.Unary } };
        RpcTelemetry.EarlyCall(dispatch);
        return dispatch ? Task.CompletedTask : Transport.HandshakeCompleted;
    }

    private async Task FailAsync(RpcProtocolException e)
    {
        if (Server.ViolationLog.TryPass(out var suppressed))
        {
            LogProtocolViolation(Logger, Transport.RemoteEndPoint, e.Message, suppressed);
        }

        await Transport.CloseAsync(e.ErrorCode, CancellationToken.None).ConfigureAwait(false);
    }

    [LoggerMessage(1103, LogLevel.Warning,
        "The client at {RemoteEndPoint} broke the protocol, and its connection is closed: {Reason} ({Suppressed} such messages were held back before)")]
    private static partial void LogProtocolViolation(ILogger logger, IPEndPoint remoteEndPoint, string reason, long suppressed);

    [LoggerMessage(1104, LogLevel.Warning,
        "The client at {RemoteEndPoint} broke the protocol on one call: {Reason} ({Suppressed} such messages were held back before)")]
    private static partial void LogStreamViolation(ILogger logger, IPEndPoint remoteEndPoint, string reason, long suppressed);

    [LoggerMessage(1108, LogLevel.Error, "Serving a stream of {RemoteEndPoint} failed, and its connection is closed")]
    private static partial void LogStreamFailed(ILogger logger, IPEndPoint remoteEndPoint, Exception exception);
}
