using System.Diagnostics.CodeAnalysis;

namespace RpcNet.Testing.VirtualTime;

/// <summary>A timer of a node's clock. Its callback runs in the context in which the timer was made.</summary>
internal sealed class VirtualTimer(NodeClock node, TimerCallback callback, object? state) : ITimer
{
    [SuppressMessage("Usage", "CA2213", Justification = "Others share it.")]
    private readonly ExecutionContext? _context = ExecutionContext.Capture();
    private long _period = -1;
    private volatile bool _disposed;

    /// <summary>The number of the setting in force, 0 for none; guarded by the clock.</summary>
    public long Setting { get; set; }

    public bool Change(TimeSpan dueTime, TimeSpan period)
    {
        var (wait, every) = (Ticks(dueTime), Ticks(period));
        if (_disposed)
        {
            return false;
        }

        Interlocked.Exchange(ref _period, every);
        node.Clock.Set(this, wait);
        if (wait == 0)
        {
            node.FireDueNow();
        }

        return true;
    }

    /// <summary>The timer has come due: runs the callback, unless the node does not run.</summary>
    public void Fire()
    {
        if (_disposed || !node.MayFire(this))
        {
            return;
        }

        if (Interlocked.Read(ref _period) is > 0 and var period)
        {
            node.Clock.SetIfUnset(this, period);
        }

        if (_context is null)
        {
            CallBack();
        }
        else
        {
            ExecutionContext.Run(_context, static timer => ((VirtualTimer)timer!).CallBack(), this);
        }
    }

    /// <summary>The timer came due while its node was paused: it is due now, unless it was set anew since.</summary>
    public void SetLate()
    {
        if (!_disposed)
        {
            node.Clock.SetIfUnset(this, 0);
        }
    }

    public void Dispose()
    {
        _disposed = true;
        node.Clock.Set(this, -1);
    }

    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    // What a timer made outside of the cluster causes is the cluster's work too.
    private void CallBack()
    {
        using (node.Tracker.Enter())
        {
            callback(state);
        }
    }

    // Negative for never.
    private static long Ticks(TimeSpan time)
    {
        if (time == Timeout.InfiniteTimeSpan)
        {
            return -1;
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(time, TimeSpan.Zero);
        return time.Ticks;
    }
}
