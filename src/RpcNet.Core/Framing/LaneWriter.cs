using RpcNet.Transports;

namespace RpcNet.Framing;

/// <summary>Where an appended frame lies, so that it can be withdrawn before it is sent. One word: read and written whole.</summary>
internal readonly record struct FrameTicket(long Value)
{
    private const int OffsetBits = 28;

    public FrameTicket(long batch, int offset)
        : this((batch << OffsetBits) | (uint)offset)
    {
    }

    /// <summary>Not appended yet.</summary>
    public static FrameTicket None => new(-1L);

    /// <summary>Refused by a lane that had failed: the peer will never see it.</summary>
    public static FrameTicket Refused => new(-2L);

    public long Batch => Value >> OffsetBits;

    public int Offset => (int)(Value & ((1 << OffsetBits) - 1));
}

/// <summary>
/// The only writer of one lane: callers append frames to a batch under a short lock, and whoever finds the writer idle
/// sends batch after batch until none is left. Frames on the urgent queue go ahead of unsent data.
/// </summary>
/// <remarks>
/// The batch is copied memory, so no caller's buffer outlives <see cref="Append"/>. Queued bytes are bounded by the
/// callers: they wait in <see cref="WaitForRoomAsync"/> while <see cref="HasRoom"/> is false, and may each exceed the
/// bound by one frame.
/// </remarks>
internal sealed class LaneWriter : IThreadPoolWorkItem, IDisposable
{
    private const int MaxWriteBytes = 64 * 1024;
    private const int InitialBytes = 4 * 1024;

    private readonly ITransportStream _stream;
    private readonly int _maxQueuedBytes;
    private readonly Action<Exception> _onFailed;
    private readonly Lock _gate = new();
    private PooledBufferWriter _pending = new(InitialBytes);
    private PooledBufferWriter _sending = new(InitialBytes);
    private readonly PooledBufferWriter _urgent = new(256);
    private int _lastBatchBytes;
    private long _batch;
    private volatile int _queuedBytes;
    private bool _active;
    private bool _disposed;
    private Exception? _failure;
    private TaskCompletionSource? _room;

    public LaneWriter(ITransportStream stream, int maxQueuedBytes, Action<Exception> onFailed)
    {
        _stream = stream;
        stream.Prioritize();
        stream.AllowInlineWrites();
        _maxQueuedBytes = maxQueuedBytes;
        _onFailed = onFailed;
    }

    /// <summary>Bytes appended and not yet taken by the transport; 0 once the lane has failed.</summary>
    public int QueuedBytes => _queuedBytes;

    /// <summary>Whether the queue is below its bound, or nothing will be queued any more.</summary>
    public bool HasRoom => _queuedBytes < _maxQueuedBytes;

    /// <summary>What the lane's queue holds of memory.</summary>
    public int BufferBytes
    {
        get
        {
            lock (_gate)
            {
                return _pending.Capacity + _sending.Capacity + _urgent.Capacity;
            }
        }
    }

    /// <summary>Appends a frame; false once the lane has failed.</summary>
    /// <param name="inline">
    /// Whether an idle writer sends on the calling thread: the lowest latency. Otherwise it sends from the thread pool,
    /// which lets calls that run meanwhile join the batch.
    /// </param>
    public bool Append(
        in FrameHeader header, ReadOnlySpan<byte> extension, ReadOnlySpan<byte> payload, bool inline, out FrameTicket ticket)
    {
        var size = FrameHeader.Size + extension.Length + payload.Length;
        bool start;
        lock (_gate)
        {
            if (_failure is not null || _disposed)
            {
                ticket = FrameTicket.Refused;
                return false;
            }

            ticket = new FrameTicket(_batch, _pending.Count);
            var span = _pending.GetSpan(size);
            header.Write(span);
            extension.CopyTo(span[FrameHeader.Size..]);
            payload.CopyTo(span[(FrameHeader.Size + extension.Length)..]);
            _pending.Advance(size);
            _queuedBytes += size;
            start = !_active;
            _active = true;
        }

        Start(start, inline);
        return true;
    }

    /// <summary>Sends a frame without extension or payload ahead of everything that is not yet sent.</summary>
    public void AppendUrgent(in FrameHeader header)
    {
        bool start;
        lock (_gate)
        {
            if (_failure is not null || _disposed)
            {
                return;
            }

            header.Write(_urgent.GetSpan(FrameHeader.Size));
            _urgent.Advance(FrameHeader.Size);
            _queuedBytes += FrameHeader.Size;
            start = !_active;
            _active = true;
        }

        Start(start, inline: false);
    }

    /// <summary>Turns a frame that is not yet sent into padding.</summary>
    /// <returns>Whether the peer will never see it.</returns>
    public bool TryWithdraw(FrameTicket ticket)
    {
        lock (_gate)
        {
            if (ticket.Batch != _batch || _disposed || _failure is not null)
            {
                return false;
            }

            _pending.Written[ticket.Offset + FrameHeader.LengthFieldSize] = (byte)FrameType.Padding;
            return true;
        }
    }

    /// <summary>Whether a frame was never handed to the transport; meaningful after the lane has failed, too.</summary>
    public bool IsUnsent(FrameTicket ticket)
    {
        lock (_gate)
        {
            return ticket == FrameTicket.Refused || ticket.Batch == _batch;
        }
    }

    /// <summary>Hands nothing more to the transport: after this, <see cref="IsUnsent"/> is final.</summary>
    public void Abort(Exception reason)
    {
        lock (_gate)
        {
            End(reason);
            if (!_active)
            {
                ReturnBuffers();
            }
        }
    }

    /// <summary>Waits until the queue is below its bound or the lane has failed.</summary>
    public Task WaitForRoomAsync()
    {
        lock (_gate)
        {
            if (HasRoom || _failure is not null || _disposed)
            {
                return Task.CompletedTask;
            }

            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _room.Task;
        }
    }

    void IThreadPoolWorkItem.Execute() => Send();

    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            _queuedBytes = 0;
            ReleaseWaiters();
            if (!_active)
            {
                ReturnBuffers();
            }
        }
    }

    private void Start(bool start, bool inline)
    {
        if (!start)
        {
            return;
        }

        if (inline)
        {
            Send();
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    /// <summary>Sends until nothing is left; continues asynchronously when the transport pushes back.</summary>
    private void Send()
    {
        while (TakeBatch())
        {
            ValueTask write;
            try
            {
                write = WriteBatch();
            }
            catch (Exception e)
            {
                Fail(e);
                return;
            }

            if (!write.IsCompletedSuccessfully)
            {
                _ = FinishAsync(write);
                return;
            }

            write.GetAwaiter().GetResult();
            BatchSent();
        }
    }

    private async Task FinishAsync(ValueTask write)
    {
        try
        {
            await write.ConfigureAwait(false);
        }
        catch (Exception e)
        {
            Fail(e);
            return;
        }

        BatchSent();
        Send();
    }

    private ValueTask WriteBatch() => _sending.Count <= MaxWriteBytes
        ? _stream.WriteAsync(_sending.WrittenMemory, endStream: false)
        : WriteLargeBatchAsync();

    private async ValueTask WriteLargeBatchAsync()
    {
        var rest = _sending.WrittenMemory;
        while (!rest.IsEmpty)
        {
            var size = Math.Min(rest.Length, MaxWriteBytes);
            await _stream.WriteAsync(rest[..size], endStream: false).ConfigureAwait(false);
            rest = rest[size..];
        }
    }

    private bool TakeBatch()
    {
        lock (_gate)
        {
            if (_disposed || _failure is not null)
            {
                _active = false;
                ReturnBuffers();
                return false;
            }

            if (_urgent.Count > 0)
            {
                _sending.Write(_urgent.WrittenSpan);
                _urgent.Clear();
                return true;
            }

            if (_pending.Count == 0)
            {
                // An idle lane holds no buffer, and rents what its last batch took when it wakes.
                _active = false;
                _pending.InitialCapacity = _sending.InitialCapacity = Math.Clamp(_lastBatchBytes, InitialBytes, MaxWriteBytes);
                ReturnBuffers();
                return false;
            }

            (_pending, _sending) = (_sending, _pending);
            _batch++;
            return true;
        }
    }

    private void BatchSent()
    {
        lock (_gate)
        {
            _lastBatchBytes = _sending.Count;
            _queuedBytes = _failure is null && !_disposed ? _queuedBytes - _sending.Count : 0;
            _sending.Reset(MaxWriteBytes);
            if (HasRoom)
            {
                ReleaseWaiters();
            }
        }
    }

    private void Fail(Exception exception)
    {
        lock (_gate)
        {
            _active = false;
            End(exception);
            ReturnBuffers();
        }

        _onFailed(exception);
    }

    private void End(Exception reason)
    {
        _failure ??= reason;
        _queuedBytes = 0;
        ReleaseWaiters();
    }

    private void ReleaseWaiters()
    {
        _room?.TrySetResult();
        _room = null;
    }

    private void ReturnBuffers()
    {
        _pending.Dispose();
        _sending.Dispose();
        _urgent.Dispose();
    }
}
