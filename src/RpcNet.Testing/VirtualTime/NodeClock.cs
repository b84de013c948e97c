namespace RpcNet.Testing.VirtualTime;

/// <summary>The cluster's time as one node sees it: its timers rest while the node is paused, and for ever once it was killed.</summary>
internal sealed class NodeClock(Pump pump) : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<VirtualTimer> _late = [];
    private State _state;

    private enum State
    {
        Running,
        Paused,
        Stopped,
    }

    public VirtualClock Clock => pump.Clock;

    public WorkTracker Tracker => pump.Tracker;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override long GetTimestamp() => Clock.Now;

    public override DateTimeOffset GetUtcNow() => Clock.Start.AddTicks(Clock.Now);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new VirtualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    public void Pause()
    {
        lock (_gate)
        {
            _state = _state == State.Running ? State.Paused : _state;
        }
    }

    public void Stop()
    {
        lock (_gate)
        {
            _state = State.Stopped;
            _late.Clear();
        }
    }

    /// <summary>Lets the code of a node that was paused or killed end: its services are about to be disposed.</summary>
    public void Revive()
    {
        lock (_gate)
        {
            _state = State.Running;
            _late.Clear();
        }
    }

    /// <summary>Lets the timers fire that came due meanwhile, as a continued process finds them.</summary>
    public void Resume()
    {
        VirtualTimer[] late;
        lock (_gate)
        {
            if (_state != State.Paused)
            {
                return;
            }

            _state = State.Running;
            late = [.. _late];
            _late.Clear();
        }

        foreach (var timer in late)
        {
            timer.SetLate();
        }
    }

    /// <summary>A timer of this clock has been set to fire at once.</summary>
    public void FireDueNow() => pump.FireDueNow();

    /// <summary>Whether a timer that is due may fire; one that may not is kept.</summary>
    public bool MayFire(VirtualTimer timer)
    {
        lock (_gate)
        {
            if (_state == State.Paused)
            {
                _late.Add(timer);
            }

            return _state == State.Running;
        }
    }
}
