using RpcNet.Transports;

namespace RpcNet.Testing.InMemory;

internal sealed partial class InMemoryConnection
{
    private ITimer? _timer;
    private TimeSpan _idleTimeout;
    private long _lastHeard;
    private long _lastPing;

    private TimeProvider Time => _end.Transport.Time;

    private void Start()
    {
        _idleTimeout = Smaller(_end.Options.IdleTimeout, _peer._end.Options.IdleTimeout);
        _lastHeard = _lastPing = Time.GetTimestamp();
        _timer = Time.CreateTimer(
            static connection => ((InMemoryConnection)connection!).OnTimer(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Arm();
    }

    // What arrives is acknowledged, so that its sender has heard something too, unless the way back is cut.
    private void Heard()
    {
        _lastHeard = Time.GetTimestamp();
        if (!_linkToPeer.IsCut)
        {
            _peer._lastHeard = _lastHeard;
        }
    }

    private void OnTimer()
    {
        lock (_gate)
        {
            if (_gone is not null)
            {
                return;
            }

            // The PING first: a clock that jumped over it must not find the connection idle for want of it.
            if (KeepAliveDue() <= TimeSpan.Zero)
            {
                _lastPing = Time.GetTimestamp();
                if (_out.IsEmpty)
                {
                    _out.Send(new Message(MessageKind.Ping, 0, 0));
                }
            }

            if (IdleDue() <= TimeSpan.Zero)
            {
                End(new TransportException(
                    TransportError.ConnectionIdle, $"Nothing was heard from {RemoteEndPoint} for {_idleTimeout}."));
                _out.Dispose();
            }
            else
            {
                Arm();
            }
        }
    }

    private void Arm()
    {
        var wait = Smaller(Never(IdleDue()), Never(KeepAliveDue()));
        if (wait != Timeout.InfiniteTimeSpan)
        {
            _timer!.Change(TimeSpan.FromMilliseconds(Math.Ceiling(wait.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
        }

        static TimeSpan Never(TimeSpan due) => due == TimeSpan.MaxValue ? Timeout.InfiniteTimeSpan : due < TimeSpan.Zero ? TimeSpan.Zero : due;
    }

    private TimeSpan IdleDue() =>
        _idleTimeout == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : _idleTimeout - Time.GetElapsedTime(_lastHeard);

    private TimeSpan KeepAliveDue() =>
        _end.Options.KeepAliveInterval == Timeout.InfiniteTimeSpan
            ? TimeSpan.MaxValue
            : _end.Options.KeepAliveInterval - Time.GetElapsedTime(Math.Max(_lastHeard, _lastPing));

    private static TimeSpan Smaller(TimeSpan one, TimeSpan other) =>
        one == Timeout.InfiniteTimeSpan ? other
        : other == Timeout.InfiniteTimeSpan || one < other ? one
        : other;
}
