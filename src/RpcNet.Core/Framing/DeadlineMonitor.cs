namespace RpcNet.Framing;

/// <summary>
/// One timer for all deadlines of a connection. Arming is a comparison unless the new deadline is the earliest, so that
/// calls do not pay for a timer each.
/// </summary>
internal sealed class DeadlineMonitor : IDisposable
{
    private readonly TimeProvider _time;
    private readonly Func<long, long> _expire;
    private readonly ITimer _timer;
    private readonly Lock _gate = new();
    private long _due = long.MaxValue;
    private bool _disposed;

    /// <summary>Creates the monitor.</summary>
    /// <param name="time">The clock; its timestamps are the unit of deadlines.</param>
    /// <param name="expire">Ends what is due at the given timestamp; returns the earliest deadline left.</param>
    public DeadlineMonitor(TimeProvider time, Func<long, long> expire)
    {
        _time = time;
        _expire = expire;
        _timer = time.CreateTimer(static state => ((DeadlineMonitor)state!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The timestamp that lies <paramref name="timeout"/> ahead.</summary>
    public long DeadlineAfter(TimeSpan timeout) => Deadlines.After(timeout, _time);

    /// <summary>The time left, never negative.</summary>
    public TimeSpan Remaining(long deadline)
    {
        var now = _time.GetTimestamp();
        return deadline <= now ? TimeSpan.Zero : _time.GetElapsedTime(now, deadline);
    }

    public void Arm(long deadline)
    {
        if (deadline < Volatile.Read(ref _due))
        {
            Schedule(deadline);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _timer.Dispose();
        }
    }

    private void Schedule(long deadline)
    {
        lock (_gate)
        {
            if (_disposed || deadline >= _due)
            {
                return;
            }

            _due = deadline;
            var remaining = Remaining(deadline);
            if (remaining.TotalMilliseconds < uint.MaxValue - 1)
            {
                // Rounded up, so that the timer does not fire a moment before the deadline and find nothing due.
                _timer.Change(TimeSpan.FromMilliseconds(Math.Ceiling(remaining.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
            }
        }
    }

    private void Tick()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _due = long.MaxValue;
        }

        var next = _expire(_time.GetTimestamp());
        if (next != long.MaxValue)
        {
            Schedule(next);
        }
    }
}
