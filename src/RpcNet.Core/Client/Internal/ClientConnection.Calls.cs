using System.Diagnostics;
using RpcNet.Diagnostics;
using RpcNet.Framing;
using RpcNet.Transports;

namespace RpcNet.Client.Internal;

/// <summary>Unary calls on lanes.</summary>
internal sealed partial class ClientConnection
{
    /// <summary>Starts a unary call, or says why it cannot start at once.</summary>
    /// <returns>
    /// The awaitable call; null where the caller has to wait for a slot or room (<see cref="WaitForCapacityAsync"/>), or,
    /// with <paramref name="tooLarge"/>, to use a stream.
    /// </returns>
    public UnaryCall<TRequest, TResponse>? TryStart<TRequest, TResponse>(
        RpcUnaryMethod<TRequest, TResponse> method,
        in TRequest request,
        in CallSetup setup,
        TimeSpan? timeout,
        CancellationToken cancellationToken,
        out bool tooLarge)
    {
        tooLarge = false;
        var lane = PickLane();
        if (!lane.Writer.HasRoom || !_calls.TryRent(out var slot))
        {
            return null;
        }

        // Checked after renting: a connection that retires meanwhile either sees the slot in use or is seen here.
        if (!IsUsable)
        {
            ReturnSlot(slot);
            return null;
        }

        var buffer = Scratch.Rent();
        UnaryCall<TRequest, TResponse>? call = null;
        try
        {
            var serializer = SerializerOf(method);
            WriteExtension(buffer, setup.Metadata, timeout, serializer);
            var extensionLength = buffer.Count;
            CheckMetadata(extensionLength);
            method.Request.Write(serializer, buffer, request);
            var payloadLength = buffer.Count - extensionLength;
            if (payloadLength > MaxInlineBytes)
            {
                tooLarge = true;
                ReturnSlot(slot);
                return null;
            }

            var flags = Compression.Compress(buffer, extensionLength);
            payloadLength = buffer.Count - extensionLength;
            var methodId = lane.GetMethodId(method);
            call = UnaryCall<TRequest, TResponse>.Rent(method);
            var deadline = timeout is { } t ? _deadlines.DeadlineAfter(t) : long.MaxValue;
            call.Attach(this, lane, setup, deadline, cancellationToken);
            _calls.Activate(slot, call, deadline);
            var header = FrameHeader.Create(
                FrameType.Request, flags, extensionLength, payloadLength, call.CallId, methodId);
            var span = buffer.WrittenSpan;
            var appended = lane.Writer.Append(
                header, span[..extensionLength], span[extensionLength..], inline: _calls.Used <= 2, out var ticket);
            call.Ticket = ticket;
            if (!appended || _failure is not null)
            {
                FailStarted(call);
            }

            if (deadline != long.MaxValue)
            {
                _deadlines.Arm(deadline);
            }

            call.RegisterCancellation();
            return call;
        }
        catch when (call is null)
        {
            ReturnSlot(slot);
            throw;
        }
        finally
        {
            Scratch.Return(buffer);
        }
    }

    /// <summary>
    /// Waits until a call may be able to start. Whoever then does not take a slot passes the turn on with
    /// <see cref="PassTurn"/>.
    /// </summary>
    public async ValueTask WaitForCapacityAsync(CancellationToken cancellationToken)
    {
        var lane = PickLane();
        if (!lane.Writer.HasRoom)
        {
            await lane.Writer.WaitForRoomAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
            return;
        }

        var waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _slotWaiters.Enqueue(waiter);
        if (!IsUsable || _calls.Used < _calls.Capacity)
        {
            // Free meanwhile. A wake-up that this waiter no longer needs goes to the next one.
            if (!waiter.TrySetResult())
            {
                WakeSlotWaiter();
            }

            return;
        }

        try
        {
            await waiter.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            if (!waiter.TrySetResult())
            {
                WakeSlotWaiter();
            }

            throw;
        }
    }

    public bool TryTake(PendingCall call, uint callId, long generation)
    {
        if (_calls.TryTake(callId, generation))
        {
            return true;
        }

        lock (_largeGate)
        {
            if (!_largeResponses.TryGetValue(callId, out var large) || !ReferenceEquals(large, call))
            {
                return false;
            }

            _largeResponses.Remove(callId);
        }

        NoteCallEnded();
        return true;
    }

    /// <summary>Takes a request back: unsent it disappears, sent it is cancelled at the server.</summary>
    /// <returns>Whether the server will never see it.</returns>
    public bool Withdraw(PendingCall call, uint reason)
    {
        if (call.Lane.Writer.TryWithdraw(call.Ticket))
        {
            ReleaseSlot(call.CallId);
            return true;
        }

        call.Lane.Writer.AppendUrgent(FrameHeader.Create(FrameType.Cancel, FrameFlags.None, 0, 0, call.CallId, reason));
        return false;
    }

    /// <summary>Writes what travels beside every request.</summary>
    public void WriteExtension(
        PooledBufferWriter buffer, RpcMetadata? metadata, TimeSpan? timeout, IRpcSerializer serializer, RpcMethod? method = null)
    {
        var extension = new FrameExtension
        {
            TimeoutMicroseconds = timeout is { } t ? Math.Max(1, (long)t.TotalMicroseconds) : null,
            Metadata = metadata,
            Codec = serializer.CodecId == 1 ? null : serializer.CodecId,
            Method = method?.FullName,
        };
        if (Activity.Current is { IdFormat: ActivityIdFormat.W3C } activity)
        {
            extension.TraceParent = activity.Id;
            extension.TraceState = activity.TraceStateString;
        }

        if (!extension.IsEmpty)
        {
            extension.Write(buffer);
        }
    }

    /// <exception cref="RpcFaultException">ResourceExhausted: the metadata is larger than either side allows.</exception>
    public void CheckMetadata(int extensionLength)
    {
        var limit = Math.Min(Limits.MetadataBytes, _peer.MaxMetadataBytes);
        if (extensionLength > limit)
        {
            throw Faults.MetadataTooLarge(extensionLength, limit);
        }
    }

    private ClientLane PickLane()
    {
        var lanes = _lanes;
        var best = lanes[0];
        var bytes = best.Writer.QueuedBytes;
        for (var i = 1; i < lanes.Length && bytes > 0; i++)
        {
            var queued = lanes[i].Writer.QueuedBytes;
            if (queued < bytes)
            {
                best = lanes[i];
                bytes = queued;
            }
        }

        return best;
    }

    /// <summary>The connection failed around the start of this call: whoever takes it completes it.</summary>
    private void FailStarted(PendingCall call)
    {
        if (_calls.TryTake(call.CallId) is not null)
        {
            var failure = _failure;
            CompleteFailed(call, failure ?? Faults.Unavailable($"The connection to {_options.EndPoint} was lost.", mayHaveExecuted: true));
        }
    }

    private void OnLaneFrame(in Frame frame)
    {
        var callId = frame.Header.CallId;
        switch (frame.Header.Type)
        {
            case FrameType.Response:
            case FrameType.Fault:
                var call = _calls.TryTake(callId);
                ReleaseSlot(callId);
                if (call is null)
                {
                    NoteLateFrame();
                }
                else
                {
                    call.CompleteWith(frame);
                }

                break;
            case FrameType.ResponseOnStream:
                lock (_largeGate)
                {
                    if (_calls.TryTake(callId) is { } awaiting)
                    {
                        _largeResponses[callId] = awaiting;
                    }
                }

                ReleaseSlot(callId);
                break;
        }
    }

    private async Task ReadLargeResponseAsync(ITransportStream stream, FrameReader reader)
    {
        uint? named = null;
        try
        {
            var id = await reader.ReadVarIntAsync(CancellationToken.None).ConfigureAwait(false)
                ?? throw new RpcProtocolException("A response's stream ended before its call id.");
            var callId = id <= uint.MaxValue ? (uint)id : throw new RpcProtocolException($"A response's stream names the call {id}.");
            named = callId;
            if (IsAwaited(callId))
            {
                var frame = await reader.ReadAsync(CancellationToken.None).ConfigureAwait(false)
                    ?? throw new RpcProtocolException("A response's stream ended before its frame.");
                if (TakeLarge(callId) is { } call)
                {
                    call.CompleteWith(frame);
                    NoteCallEnded();
                    return;
                }
            }

            NoteLateFrame();
            stream.AbortRead(RpcErrorCode.NoError);
        }
        catch (TransportException e) when (e.Error == TransportError.StreamAborted)
        {
            // A server that gives up on a response says so on the lane; if it had promised the response there, it is lost.
            lock (_largeGate)
            {
                if (named is not { } callId || !_largeResponses.Remove(callId, out var broken))
                {
                    return;
                }

                broken.CompleteWith(new RpcFaultException(RpcStatusCode.Internal, "The server broke off the response.", innerException: e));
            }

            NoteCallEnded();
        }
    }

    private bool IsAwaited(uint callId)
    {
        lock (_largeGate)
        {
            return _largeResponses.ContainsKey(callId) || _calls.IsActive(callId);
        }
    }

    private PendingCall? TakeLarge(uint callId)
    {
        lock (_largeGate)
        {
            return _largeResponses.Remove(callId, out var call) ? call : _calls.TryTake(callId);
        }
    }

    private void NoteLateFrame()
    {
        Interlocked.Increment(ref _lateFrames);
        RpcTelemetry.LateFrame();
    }

    private void ReleaseSlot(uint callId)
    {
        if (_calls.TryRelease(callId))
        {
            WakeSlotWaiter();
            NoteCallEnded();
        }
    }

    private void ReturnSlot(int slot)
    {
        _calls.ReturnUnused(slot);
        WakeSlotWaiter();
        NoteCallEnded();
    }

    /// <summary>Lets the next waiter try, if there is a slot to be had.</summary>
    public void PassTurn()
    {
        if (_calls.Used < _calls.Capacity)
        {
            WakeSlotWaiter();
        }
    }

    private void WakeSlotWaiter()
    {
        while (_slotWaiters.TryDequeue(out var waiter))
        {
            if (waiter.TrySetResult())
            {
                return;
            }
        }
    }

    private long Expire(long now)
    {
        var next = _calls.TakeDue(now, call =>
        {
            var unsent = Withdraw(call, CancelReason.DeadlineExceeded);
            call.CompleteWith(Faults.DeadlineExceeded(call.Method, mayHaveExecuted: !unsent));
        });
        lock (_largeGate)
        {
            foreach (var (callId, call) in _largeResponses)
            {
                if (call.Deadline > now)
                {
                    next = Math.Min(next, call.Deadline);
                }
                else
                {
                    _largeResponses.Remove(callId);
                    call.CompleteWith(Faults.DeadlineExceeded(call.Method));
                }
            }
        }

        NoteCallEnded();
        return next;
    }
}
