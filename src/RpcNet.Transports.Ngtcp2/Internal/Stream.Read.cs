namespace RpcNet.Transports.Ngtcp2.Internal;

internal sealed partial class Stream
{
    private ReceiveBuffer _received;
    private OperationSource<int>? _read;
    private Memory<byte> _readBuffer;
    private CancellationToken _readCancellation;
    private TransportException? _readEnd;
    private int _readFilled;
    private bool _readPending;
    private bool _completionScheduled;
    private bool _finReceived;
    private bool _finDelivered;
    private volatile bool _readsInline;

    public void AllowInlineReads() => _readsInline = true;

    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!CanRead)
        {
            throw new InvalidOperationException("This side may not read from the stream.");
        }

        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<int>(cancellationToken);
        }

        var read = 0;
        var attention = false;
        short token = 0;
        lock (_gate)
        {
            if (_readPending)
            {
                throw new InvalidOperationException("A read is pending already.");
            }

            if (buffer.IsEmpty)
            {
                return _readEnd is { } ended && _received.Length == 0
                    ? ValueTask.FromException<int>(ended.Copy())
                    : new ValueTask<int>(0);
            }

            if (_received.Length > 0)
            {
                read = _received.Read(buffer.Span, _connection.Loop.Chunks);
                _streamCredit += read;
                attention = (!_finReceived && _streamCredit >= _connection.Options.StreamReceiveWindow / 8)
                    || (_closed && _received.Length == 0);
            }
            else if (_finReceived && _readEnd is null)
            {
                _finDelivered = true;
                return new ValueTask<int>(0);
            }
            else if (_readEnd is { } end)
            {
                return ValueTask.FromException<int>(end.Copy());
            }
            else
            {
                _read ??= new OperationSource<int>();
                _readPending = true;
                _readBuffer = buffer;
                _readFilled = 0;
                _readCancellation = cancellationToken;
                token = _read.Arm();
            }
        }

        if (read > 0)
        {
            _connection.AddCredit(read);
            if (attention)
            {
                RequestAttention();
            }

            return new ValueTask<int>(read);
        }

        _read!.Register(static state => ((Stream)state!).CancelRead(), this, cancellationToken);
        return new ValueTask<int>(_read, token);
    }

    public void AbortRead(long errorCode)
    {
        Failures.CheckCode(errorCode);
        int dropped;
        bool pending;
        lock (_gate)
        {
            if (!CanRead || _readEnd is not null || _finDelivered)
            {
                return;
            }

            _readEnd = Failures.Disposed("The stream's read side");
            _abortRead = errorCode;
            dropped = _received.Clear(_connection.Loop.Chunks);
            pending = TakePendingRead();
        }

        if (pending)
        {
            _read!.SetException(_readEnd.Copy());
        }

        _connection.AddCredit(dropped);
        RequestAttention();
    }

    /// <summary>Bytes arrived in order. Loop's thread, within libngtcp2's callback.</summary>
    public void OnData(ReadOnlySpan<byte> data, bool fin)
    {
        _connection.Loop.ExpectMore();
        var granted = 0;
        lock (_gate)
        {
            if (_readEnd is not null)
            {
                granted = data.Length;
            }
            else
            {
                if (_readPending && _received.Length == 0 && !data.IsEmpty)
                {
                    var target = _readBuffer.Span[_readFilled..];
                    granted = Math.Min(target.Length, data.Length);
                    data[..granted].CopyTo(target);
                    _readFilled += granted;
                    data = data[granted..];
                }

                if (!data.IsEmpty)
                {
                    _received.Append(data, _connection.Loop.Chunks);
                }

                _finReceived |= fin;
            }

            if (_readPending && !_completionScheduled)
            {
                _completionScheduled = true;
                _connection.Loop.ScheduleCompletion(this);
            }
        }

        if (granted > 0)
        {
            _connection.GrantCredit(Id, granted, stream: !fin);
        }
    }

    /// <summary>The peer reset its side. Loop's thread, within libngtcp2's callback.</summary>
    public void OnReset(long code)
    {
        lock (_gate)
        {
            if (_finReceived)
            {
                return;
            }
        }

        FailReading(new TransportException(TransportError.StreamAborted, $"The peer reset the stream with code {code}.", code), drop: true);
    }

    // With what has been gathered.
    private void CompleteRead()
    {
        int result;
        lock (_gate)
        {
            _completionScheduled = false;
            if (!_readPending || (_readFilled == 0 && !_finReceived))
            {
                return;
            }

            result = _readFilled;
            _finDelivered |= result == 0;
            TakePendingRead();
        }

        _read!.SetResult(result, inline: _readsInline && result > 0);
    }

    private bool TakePendingRead()
    {
        var pending = _readPending;
        _readPending = false;
        _readBuffer = default;
        _readFilled = 0;
        return pending;
    }

    private void CancelRead()
    {
        lock (_gate)
        {
            // What has been gathered already is delivered: nothing may be lost.
            if (!_readPending || _readFilled > 0)
            {
                return;
            }

            TakePendingRead();
        }

        _read!.SetException(new OperationCanceledException(_readCancellation));
    }

    private void EndReading(long? code)
    {
        lock (_gate)
        {
            if (!CanRead || _finReceived)
            {
                return;
            }
        }

        FailReading(new TransportException(
            TransportError.StreamAborted, $"The stream was closed with code {code ?? 0}.", code ?? 0));
    }

    private void FailReading(TransportException reason, bool drop = false)
    {
        var dropped = 0;
        bool pending;
        int filled;
        lock (_gate)
        {
            if (!CanRead || _readEnd is not null)
            {
                return;
            }

            if (!_finReceived)
            {
                _readEnd = reason;
            }

            if (drop)
            {
                dropped = _received.Clear(_connection.Loop.Chunks);
            }

            filled = _readFilled;
            pending = TakePendingRead();
            _finDelivered |= pending && filled == 0 && _finReceived;
        }

        if (dropped > 0)
        {
            _connection.GrantCredit(Id, dropped, stream: false);
        }

        if (!pending)
        {
            return;
        }

        if (filled > 0 || _finReceived)
        {
            _read!.SetResult(filled);
        }
        else
        {
            _read!.SetException(reason.Copy());
        }
    }
}
