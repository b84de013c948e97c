using System.Buffers;
using System.Net.Sockets;

namespace RpcNet.Testing.FaultProxy;

/// <summary>One direction of the proxy: decides what happens to a datagram, and keeps those that must wait.</summary>
internal sealed class FaultyDirection(int seed, TimeProvider time, FaultyDirection.Send send) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Random _random = new(seed);
    private readonly PriorityQueue<Waiting, (long Due, long Number)> _waiting = new();
    private volatile UdpFaults _faults = UdpFaults.None;
    private ITimer? _timer;
    private long _armedFor = long.MaxValue;
    private long _number;
    private long _rateLimitFreeAt;
    private bool _disposed;

    private long _received;
    private long _sent;
    private long _sentBytes;
    private long _lost;
    private long _blackholed;
    private long _rateLimited;
    private long _duplicated;
    private long _reordered;
    private long _corrupted;
    private long _truncated;
    private long _unsendable;

    /// <summary>Sends a datagram on; throws <see cref="SocketException"/> where the system refuses it.</summary>
    public delegate void Send(UdpRelay relay, ReadOnlySpan<byte> datagram);

    public UdpFaults Faults
    {
        get => _faults;
        set => _faults = value.Validated();
    }

    public UdpFaultStatistics Statistics
    {
        get
        {
            lock (_gate)
            {
                return new(
                    _received, _sent, _sentBytes, _waiting.Count, _lost, _blackholed, _rateLimited, _duplicated, _reordered, _corrupted,
                    _truncated, _unsendable);
            }
        }
    }

    public void Handle(UdpRelay relay, Span<byte> datagram)
    {
        lock (_gate)
        {
            var faults = _faults;
            _received++;
            if (_disposed)
            {
                return;
            }

            if (faults.IsTransparent && _waiting.Count == 0)
            {
                SendNow(relay, datagram);
                return;
            }

            if (faults.Blackhole)
            {
                _blackholed++;
                return;
            }

            if (Happens(faults.LossRate))
            {
                _lost++;
                return;
            }

            if (Happens(faults.DuplicationRate))
            {
                _duplicated++;
                HandleCopy(relay, datagram, faults);
            }

            HandleCopy(relay, datagram, faults);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _timer?.Dispose();
            while (_waiting.TryDequeue(out var waiting, out _))
            {
                ArrayPool<byte>.Shared.Return(waiting.Buffer);
            }
        }
    }

    private void HandleCopy(UdpRelay relay, ReadOnlySpan<byte> datagram, UdpFaults faults)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Math.Max(datagram.Length, 1));
        datagram.CopyTo(buffer);
        var length = datagram.Length;
        if (length > 0 && Happens(faults.CorruptionRate))
        {
            _corrupted++;
            buffer[_random.Next(length)] ^= (byte)(1 << _random.Next(8));
        }

        if (length > 1 && Happens(faults.TruncationRate))
        {
            _truncated++;
            length = _random.Next(1, length);
        }

        var now = time.GetTimestamp();
        var due = now;
        if (faults.BytesPerSecond is { } limit)
        {
            var start = Math.Max(now, _rateLimitFreeAt);
            if (time.GetElapsedTime(now, start) > faults.RateLimitQueue)
            {
                _rateLimited++;
                ArrayPool<byte>.Shared.Return(buffer);
                return;
            }

            due = _rateLimitFreeAt = start + (long)((double)length / limit * time.TimestampFrequency);
        }

        var delay = faults.Delay + (_random.NextDouble() * faults.Jitter);
        if (Happens(faults.ReorderRate))
        {
            _reordered++;
            delay += faults.ReorderDelay;
        }

        due += (long)(delay.TotalSeconds * time.TimestampFrequency);
        if (due <= now && _waiting.Count == 0)
        {
            SendNow(relay, buffer.AsSpan(0, length));
            ArrayPool<byte>.Shared.Return(buffer);
            return;
        }

        _waiting.Enqueue(new Waiting(relay, buffer, length), (due, _number++));
        Arm(now);
    }

    private bool Happens(double rate) => rate > 0 && _random.NextDouble() < rate;

    private void Arm(long now)
    {
        if (!_waiting.TryPeek(out _, out var head))
        {
            _armedFor = long.MaxValue;
        }
        else if (head.Due < _armedFor)
        {
            _armedFor = head.Due;
            var wait = Math.Max(0, Math.Ceiling(time.GetElapsedTime(now, head.Due).TotalMilliseconds));
            _timer ??= time.CreateTimer(
                static direction => ((FaultyDirection)direction!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _timer.Change(TimeSpan.FromMilliseconds(wait), Timeout.InfiniteTimeSpan);
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

            var now = time.GetTimestamp();
            while (_waiting.TryPeek(out var waiting, out var key) && key.Due <= now)
            {
                _waiting.Dequeue();
                SendNow(waiting.Relay, waiting.Buffer.AsSpan(0, waiting.Length));
                ArrayPool<byte>.Shared.Return(waiting.Buffer);
            }

            _armedFor = long.MaxValue;
            Arm(now);
        }
    }

    private void SendNow(UdpRelay relay, ReadOnlySpan<byte> datagram)
    {
        try
        {
            send(relay, datagram);
            _sent++;
            _sentBytes += datagram.Length;
        }
        catch (SocketException)
        {
            _unsendable++;
        }
    }

    private readonly record struct Waiting(UdpRelay Relay, byte[] Buffer, int Length);
}
