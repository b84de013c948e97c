namespace RpcNet.Testing.VirtualTime;

/// <summary>The time of a test cluster: stands still until somebody moves it, from one due timer to the next.</summary>
/// <remarks>Times are ticks of 100 ns since the clock's start. Timers that are due at the same time fire in the order of their setting.</remarks>
internal sealed class VirtualClock(DateTimeOffset start)
{
    private readonly Lock _gate = new();
    private readonly PriorityQueue<(VirtualTimer Timer, long Setting), (long Due, long Setting)> _due = new();
    private long _now;
    private long _settings;

    public DateTimeOffset Start => start;

    public long Now => Interlocked.Read(ref _now);

    /// <summary>Lets a timer come due after that time, instead of any earlier setting; negative for never.</summary>
    public void Set(VirtualTimer timer, long wait)
    {
        lock (_gate)
        {
            timer.Setting = 0;
            if (wait >= 0)
            {
                timer.Setting = ++_settings;
                _due.Enqueue((timer, timer.Setting), (_now + wait, timer.Setting));
            }
        }
    }

    /// <summary>As <see cref="Set"/>, unless the timer is set.</summary>
    public void SetIfUnset(VirtualTimer timer, long wait)
    {
        lock (_gate)
        {
            if (timer.Setting == 0)
            {
                Set(timer, wait);
            }
        }
    }

    /// <summary>Moves to the first timer that is due no later than that, and takes it, which unsets it.</summary>
    public VirtualTimer? MoveToNext(long limit)
    {
        lock (_gate)
        {
            while (_due.TryPeek(out var next, out var at) && at.Due <= limit)
            {
                _due.Dequeue();
                if (next.Timer.Setting == next.Setting)
                {
                    next.Timer.Setting = 0;
                    Interlocked.Exchange(ref _now, Math.Max(_now, at.Due));
                    return next.Timer;
                }
            }

            return null;
        }
    }

    /// <summary>Moves to a time before which no timer is due.</summary>
    public void MoveTo(long time)
    {
        lock (_gate)
        {
            Interlocked.Exchange(ref _now, Math.Max(_now, time));
        }
    }
}
