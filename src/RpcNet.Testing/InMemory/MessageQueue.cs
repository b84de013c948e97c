using System.Buffers;

namespace RpcNet.Testing.InMemory;

/// <summary>
/// One direction of a connection: hands messages over at once where nothing delays them, and otherwise in order at their
/// due time. A cut link keeps them for the retransmission that follows its healing. Guarded by the connection's gate.
/// </summary>
internal sealed class MessageQueue : IDisposable
{
    private readonly Link _link;
    private readonly InMemoryConnection _receiver;
    private readonly Lock _gate;
    private readonly Queue<(long Due, Message Message)> _messages = [];
    private readonly TimeProvider _time;
    private ITimer? _timer;
    private long _lastDue;
    private int _counted;
    private bool _disposed;

    public MessageQueue(long connectionNumber, Link link, InMemoryConnection receiver, Lock gate)
    {
        ConnectionNumber = connectionNumber;
        _link = link;
        _receiver = receiver;
        _gate = gate;
        _time = link.Network.Time;
        link.Add(this);
    }

    public long ConnectionNumber { get; }

    public bool IsEmpty => _messages.Count == 0;

    public void Send(in Message message)
    {
        if (_disposed)
        {
            message.Release();
        }
        else if (IsDirect)
        {
            _receiver.Receive(message);
        }
        else
        {
            Enqueue(message);
        }
    }

    public void SendData(long streamId, ReadOnlySpan<byte> bytes)
    {
        if (_disposed)
        {
            return;
        }

        if (IsDirect)
        {
            _receiver.ReceiveData(streamId, bytes);
            return;
        }

        var buffer = ArrayPool<byte>.Shared.Rent(bytes.Length);
        bytes.CopyTo(buffer);
        Enqueue(new Message(MessageKind.Data, streamId, bytes.Length, buffer));
    }

    /// <summary>Sends CONNECTION_CLOSE as the last message, ahead of all that is unsent; a cut link loses it.</summary>
    public void SendClose(long errorCode)
    {
        Clear();
        if (!_link.IsCut)
        {
            Send(new Message(MessageKind.Close, 0, errorCode));
        }

        if (IsEmpty)
        {
            Dispose();
        }
    }

    /// <summary>The link has healed: everything held sets out now.</summary>
    public void Retransmit()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            if (_link.IsDirect)
            {
                Deliver(long.MaxValue);
                return;
            }

            _lastDue = 0;
            for (var i = _messages.Count; i > 0; i--)
            {
                var (_, message) = _messages.Dequeue();
                _messages.Enqueue((NextDue(), message));
            }

            Count();
            Arm();
        }
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        Clear();
        _timer?.Dispose();
        _link.Remove(this);
    }

    private bool IsDirect => _messages.Count == 0 && _link.IsDirect;

    private void Enqueue(in Message message)
    {
        _messages.Enqueue((NextDue(), message));
        if (_link.IsCut)
        {
            return;
        }

        Count();
        if (_messages.Count == 1)
        {
            Arm();
        }
    }

    private long NextDue()
    {
        var delay = (long)(_link.NextDelay().TotalSeconds * _time.TimestampFrequency);
        return _lastDue = Math.Max(_lastDue, _time.GetTimestamp() + delay);
    }

    private void Arm()
    {
        if (_messages.TryPeek(out var head))
        {
            var wait = _time.GetElapsedTime(_time.GetTimestamp(), head.Due);
            wait = TimeSpan.FromMilliseconds(Math.Max(0, Math.Ceiling(wait.TotalMilliseconds)));
            _timer ??= _time.CreateTimer(static queue => ((MessageQueue)queue!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _timer.Change(wait, Timeout.InfiniteTimeSpan);
        }
    }

    private void OnTimer()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            if (_link.IsCut)
            {
                Hold();
            }
            else
            {
                Deliver(_time.GetTimestamp());
                if (!_disposed)
                {
                    Arm();
                }
            }
        }
    }

    private void Deliver(long until)
    {
        while (!_disposed && _messages.TryPeek(out var head) && head.Due <= until)
        {
            _messages.Dequeue();
            Count();
            _receiver.Receive(head.Message);
            if (head.Message.Kind == MessageKind.Close)
            {
                Dispose();
            }
        }
    }

    // What a cut link holds is not under way; a close is sent once and is lost.
    private void Hold()
    {
        if (_messages.Any(m => m.Message.Kind == MessageKind.Close))
        {
            Dispose();
            return;
        }

        _link.Network.MessageArrived(_counted);
        _counted = 0;
    }

    private void Clear()
    {
        foreach (var (_, message) in _messages)
        {
            message.Release();
        }

        _messages.Clear();
        Count();
    }

    private void Count()
    {
        _link.Network.MessageSent(_messages.Count - _counted);
        _counted = _messages.Count;
    }
}
