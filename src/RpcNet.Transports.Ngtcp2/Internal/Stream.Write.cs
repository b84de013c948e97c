using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

internal sealed partial class Stream
{
    private SendBuffer _send;
    private OperationSource<bool>? _write;
    private ReadOnlyMemory<byte> _writeRest;
    private CancellationToken _writeCancellation;
    private TransportException? _writeEnd;
    private TaskCompletionSource? _writesClosed;
    private bool _writePending;
    private bool _writeCompleted;
    private bool _writeRestEnds;
    private bool _finRequested;
    private bool _finSent;
    private bool _finSentWithData;
    private bool _finAcknowledged;
    private bool _writesDone;
    private volatile bool _writesInline;

    // What of this stream the connection counts as bulk in flight. Loop's thread.
    private int _inFlight;

    public Task WritesClosed
    {
        get
        {
            lock (_gate)
            {
                if (!CanWrite || _writesDone)
                {
                    return Task.CompletedTask;
                }

                if (_writesClosed is null)
                {
                    _writesClosed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                    if (_writeEnd is { } end)
                    {
                        FaultWritesClosed(end);
                    }
                }

                return _writesClosed.Task;
            }
        }
    }

    /// <summary>Whether something waits to be handed to libngtcp2.</summary>
    public bool HasUnsent
    {
        get
        {
            lock (_gate)
            {
                return MaySend;
            }
        }
    }

    private bool MaySend => _writeEnd is null && (_send.HasUnsent || (_finRequested && !_finSent));

    public void AllowInlineWrites() => _writesInline = true;

    public ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, bool endStream, CancellationToken cancellationToken = default)
    {
        if (!CanWrite)
        {
            throw new InvalidOperationException("This side may not write to the stream.");
        }

        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        short token = 0;
        bool pending;
        lock (_gate)
        {
            if (_writePending)
            {
                throw new InvalidOperationException("A write is pending already.");
            }

            if (_writeEnd is { } end)
            {
                return ValueTask.FromException(end.Copy());
            }

            if (_finRequested)
            {
                return ValueTask.FromException(
                    new TransportException(TransportError.Disposed, "The stream's write side was finished."));
            }

            if (buffer.IsEmpty && !endStream)
            {
                return ValueTask.CompletedTask;
            }

            _writeRest = buffer;
            _writeRestEnds = endStream;
            pending = !TakeBytes();
            if (pending)
            {
                _write ??= new OperationSource<bool>();
                _writePending = true;
                _writeCancellation = cancellationToken;
                token = _write.Arm();
            }
        }

        RequestAttention();
        if (!pending)
        {
            return ValueTask.CompletedTask;
        }

        _write!.Register(static state => ((Stream)state!).CancelWrite(), this, cancellationToken);
        return new ValueTask(_write, token);
    }

    public void AbortWrite(long errorCode)
    {
        Failures.CheckCode(errorCode);
        lock (_gate)
        {
            if (!CanWrite || _writesDone || _writeEnd is not null)
            {
                return;
            }

            _abortWrite = errorCode;
        }

        FailWriting(Failures.Disposed("The stream's write side"));
        RequestAttention();
    }

    /// <summary>The next bytes to send. Loop's thread.</summary>
    public int Gather(Span<NgVec> vectors, int limit, out int bytes, out bool fin)
    {
        bytes = 0;
        fin = false;
        lock (_gate)
        {
            if (!MaySend)
            {
                return 0;
            }

            var count = _send.Gather(vectors, limit, out var all);
            for (var i = 0; i < count; i++)
            {
                bytes += (int)vectors[i].Len;
            }

            fin = all && _finRequested;
            return count;
        }
    }

    /// <summary>libngtcp2 took bytes. Loop's thread.</summary>
    /// <returns>Whether something more waits to be handed to it.</returns>
    public bool OnSent(int bytes, bool fin)
    {
        bool unsent;
        lock (_gate)
        {
            _send.MarkSent(bytes);
            Burst += bytes;
            if (fin)
            {
                _finSent = true;
                _finSentWithData = bytes > 0;
            }

            unsent = MaySend;
        }

        if (!IsUrgent)
        {
            _inFlight += bytes;
            _connection.AddInFlight(bytes);
        }

        return unsent;
    }

    /// <summary>The peer has the next <paramref name="bytes"/> bytes; 0 when it has the FIN. Loop's thread.</summary>
    public void OnAcknowledged(long bytes)
    {
        _connection.Loop.ExpectMore();
        var completed = false;
        var done = false;
        var counted = (int)Math.Min(bytes, _inFlight);
        _inFlight -= counted;
        _connection.AddInFlight(-counted);
        lock (_gate)
        {
            _send.Acknowledge(bytes, _connection.Loop.Chunks);
            _finAcknowledged |= bytes == 0;

            // A FIN sent with data is acknowledged with it. One sent alone is reported alone, unless it was lost and sent
            // again together with data.
            if (_finSent && !_writesDone && _writeEnd is null && _send.Buffered == 0
                && (_finAcknowledged || _finSentWithData || _connection.WasLossy(Id)))
            {
                done = true;
                _writesDone = true;
            }

            // Not for every packet: copying in larger pieces wakes the writer less often.
            if (_writePending && _writeEnd is null && (Space >= _writeRest.Length || Space >= _connection.Loop.Options.StreamSendBufferSize / 4))
            {
                completed = TakeBytes();
                _writePending = !completed;
                if (MaySend)
                {
                    _connection.QueueSend(this);
                }
            }
        }

        if (completed && _writesInline)
        {
            // Not within libngtcp2's callback.
            _writeCompleted = true;
            _connection.Loop.ScheduleCompletion(this);
        }
        else if (completed)
        {
            _write!.SetResult(true);
        }

        if (done)
        {
            _writesClosed?.TrySetResult();
        }
    }

    /// <summary>The peer wants no more. libngtcp2 has reset the stream with the same code. Loop's thread.</summary>
    public void OnStopSending(long code)
    {
        ForgetInFlight();
        FailWriting(new TransportException(TransportError.StreamAborted, $"The peer stopped the stream with code {code}.", code));
    }

    /// <summary>
    /// Begins anew what went out as early data that the server did not take: libngtcp2 has just opened the stream again, and
    /// knows nothing of it. Loop's thread.
    /// </summary>
    public void Restart(nint native)
    {
        bool send, writeEnded, readEnded;
        ForgetInFlight();
        lock (_gate)
        {
            _send.Rewind();
            _finSent = _finSentWithData = false;
            send = MaySend;
            writeEnded = _writeEnd is not null;
            readEnded = _readEnd is not null;
        }

        var code = (ulong)_connection.Options.DefaultStreamErrorCode;
        if (writeEnded)
        {
            _ = NgApi.ShutdownStreamWrite(native, 0, Id, code);
        }

        if (readEnded)
        {
            _ = NgApi.ShutdownStreamRead(native, 0, Id, code);
        }

        if (send)
        {
            _connection.QueueSend(this);
        }
    }

    /// <summary>Frees what was not acknowledged. Loop's thread, once libngtcp2 does not know the stream any more.</summary>
    public void ReleaseSendBuffer()
    {
        lock (_gate)
        {
            _send.Clear(_connection.Loop.Chunks);
        }
    }

    // Of a stream that was reset no more acknowledgements may come.
    private void ForgetInFlight()
    {
        _connection.AddInFlight(-_inFlight);
        _inFlight = 0;
    }

    private void CompleteWrite()
    {
        if (_writeCompleted)
        {
            _writeCompleted = false;
            _write!.SetResult(true, inline: true);
        }
    }

    private long Space => _connection.Loop.Options.StreamSendBufferSize - _send.Buffered;

    // Copies what fits; true when the write is complete.
    private bool TakeBytes()
    {
        var count = (int)Math.Min(_writeRest.Length, Math.Max(0, Space));
        if (count > 0)
        {
            _send.Append(_writeRest.Span[..count], _connection.Loop.Chunks);
            _writeRest = _writeRest[count..];
        }

        if (!_writeRest.IsEmpty)
        {
            return false;
        }

        _writeRest = default;
        _finRequested |= _writeRestEnds;
        return true;
    }

    private void CancelWrite()
    {
        lock (_gate)
        {
            if (!_writePending)
            {
                return;
            }

            _writePending = false;
            _writeRest = default;
        }

        AbortWrite(_connection.Options.DefaultStreamErrorCode);
        _write!.SetException(new OperationCanceledException(_writeCancellation));
    }

    private void EndWriting(long? code)
    {
        bool done;
        lock (_gate)
        {
            _send.Clear(_connection.Loop.Chunks);
            done = CanWrite && _finSent && _writeEnd is null;
            _writesDone |= done;
        }

        if (done)
        {
            _writesClosed?.TrySetResult();
        }
        else
        {
            FailWriting(new TransportException(
                TransportError.StreamAborted, $"The stream was closed with code {code ?? 0}.", code ?? 0));
        }
    }

    private void FailWriting(TransportException reason)
    {
        bool pending;
        lock (_gate)
        {
            if (!CanWrite || _writesDone || _writeEnd is not null)
            {
                return;
            }

            _writeEnd = reason;
            pending = _writePending;
            _writePending = false;
            _writeRest = default;
            if (_writesClosed is not null)
            {
                FaultWritesClosed(reason);
            }
        }

        if (pending)
        {
            _write!.SetException(reason.Copy());
        }
    }

    private void FaultWritesClosed(TransportException reason)
    {
        _writesClosed!.TrySetException(reason.Copy());
        // Whoever does not look at the task has not overlooked anything.
        _ = _writesClosed.Task.Exception;
    }
}
