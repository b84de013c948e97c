using System.Buffers;
using RpcNet.Transports;

namespace RpcNet.Testing.InMemory;

internal sealed partial class InMemoryStream
{
    private readonly Queue<(byte[] Buffer, int Length)> _received = [];
    private int _readOfHead;
    private long _unreported;
    private bool _finReceived;
    private bool _finRead;
    private bool _receiveEnded;
    private TransportException? _receiveError;
    private PendingRead? _reading;

    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!CanRead)
        {
            throw new InvalidOperationException($"Stream {Id} carries nothing to this side.");
        }

        cancellationToken.ThrowIfCancellationRequested();
        PendingRead reading;
        lock (_connection.Gate)
        {
            if (_reading is not null)
            {
                throw new InvalidOperationException($"Another read of stream {Id} is pending.");
            }

            if (_disposed)
            {
                throw Disposed("Reading");
            }

            if (_receiveError is not null)
            {
                throw _receiveError.Again();
            }

            if (buffer.IsEmpty || _finRead)
            {
                return 0;
            }

            if (_received.Count > 0)
            {
                return Take(buffer.Span);
            }

            if (_finReceived)
            {
                FinRead();
                return 0;
            }

            reading = _reading = new PendingRead(buffer, new Waiter<int>(_connection.Network));
        }

        using (cancellationToken.UnsafeRegister((_, token) => CancelRead(reading, token), state: null))
        {
            return await reading.Waiter.WaitAsync().ConfigureAwait(false);
        }
    }

    public void AbortRead(long errorCode)
    {
        ErrorCodes.ThrowIfInvalid(errorCode);
        lock (_connection.Gate)
        {
            StopCore(errorCode);
        }
    }

    public void ReceiveData(ReadOnlySpan<byte> bytes)
    {
        if (_receiveError is not null)
        {
            _connection.Consumed(bytes.Length);
            return;
        }

        var direct = 0;
        if (_reading is { } reading)
        {
            _reading = null;
            direct = Math.Min(bytes.Length, reading.Buffer.Length);
            bytes[..direct].CopyTo(reading.Buffer.Span);
            bytes = bytes[direct..];
            reading.Waiter.TrySetResult(direct);
        }

        if (!bytes.IsEmpty)
        {
            var buffer = ArrayPool<byte>.Shared.Rent(bytes.Length);
            bytes.CopyTo(buffer);
            _received.Enqueue((buffer, bytes.Length));
        }

        if (direct > 0)
        {
            Consumed(direct);
        }
    }

    private void ReceiveFin()
    {
        if (_finReceived || _receiveEnded)
        {
            return;
        }

        _finReceived = true;
        if (_receiveError is not null)
        {
            _receiveEnded = true;
        }
        else if (_reading is { } reading)
        {
            _reading = null;
            FinRead();
            reading.Waiter.TrySetResult(0);
        }

        _connection.Out.Send(new Message(MessageKind.FinAcknowledged, Id, 0));
        EndIfDone();
    }

    private void ReceiveReset(long code)
    {
        if (!_finReceived && !_receiveEnded)
        {
            EndReceiving(Aborted(code));
            _receiveEnded = true;
            EndIfDone();
        }
    }

    private void FinRead()
    {
        _finRead = true;
        _receiveEnded = true;
        EndIfDone();
    }

    private void StopCore(long errorCode)
    {
        if (_receiveError is not null || _receiveEnded)
        {
            return;
        }

        EndReceiving(Disposed("Reading"));
        if (_finReceived)
        {
            _receiveEnded = true;
            EndIfDone();
        }
        else
        {
            _connection.Out.Send(new Message(MessageKind.StopSending, Id, errorCode));
        }
    }

    private void EndReceiving(TransportException error)
    {
        if (_receiveError is not null || _finRead)
        {
            return;
        }

        _receiveError = error;
        var discarded = -_readOfHead;
        while (_received.TryDequeue(out var segment))
        {
            discarded += segment.Length;
            ArrayPool<byte>.Shared.Return(segment.Buffer);
        }

        _readOfHead = 0;
        _reading?.Waiter.TrySetException(error.Again());
        _reading = null;
        if (discarded > 0)
        {
            _connection.Consumed(discarded);
        }
    }

    private int Take(Span<byte> target)
    {
        var taken = 0;
        while (taken < target.Length && _received.TryPeek(out var head))
        {
            var count = Math.Min(target.Length - taken, head.Length - _readOfHead);
            head.Buffer.AsSpan(_readOfHead, count).CopyTo(target[taken..]);
            taken += count;
            _readOfHead += count;
            if (_readOfHead == head.Length)
            {
                _received.Dequeue();
                _readOfHead = 0;
                ArrayPool<byte>.Shared.Return(head.Buffer);
            }
        }

        Consumed(taken);
        return taken;
    }

    private void Consumed(int count)
    {
        _unreported += count;
        if (!_finReceived && _unreported >= _connection.Options.StreamReceiveWindow / 2)
        {
            var credit = _unreported;
            _unreported = 0;
            _connection.Out.Send(new Message(MessageKind.StreamCredit, Id, credit));
        }

        _connection.Consumed(count);
    }

    private void CancelRead(PendingRead reading, CancellationToken token)
    {
        lock (_connection.Gate)
        {
            if (_reading == reading)
            {
                _reading = null;
                reading.Waiter.TrySetCanceled(token);
            }
        }
    }

    private sealed record PendingRead(Memory<byte> Buffer, Waiter<int> Waiter);
}
