namespace RpcNet.Cluster.Swim;

/// <summary>What a timer of the state machine is for.</summary>
internal enum TimerKind : byte
{
    ProbeTimeout,
    ProbeEnd,
    HelperTimeout,
    SuspicionEnd,
    ConflictCheck,
    EarlySync,
    NewsSettled,
}

/// <summary>One-off timers by due time, first come first served among equals. Nothing is ever cancelled: owners ignore stale ones.</summary>
internal sealed class TimerQueue
{
    private readonly PriorityQueue<(TimerKind Kind, object? Owner), (TimeSpan Due, long Order)> _queue = new();
    private long _order;

    public TimeSpan NextDue => _queue.TryPeek(out _, out var priority) ? priority.Due : TimeSpan.MaxValue;

    public int Count => _queue.Count;

    public void Add(TimeSpan due, TimerKind kind, object? owner = null) => _queue.Enqueue((kind, owner), (due, _order++));

    public bool TryTake(TimeSpan now, out TimerKind kind, out object? owner)
    {
        if (_queue.TryPeek(out var timer, out var priority) && priority.Due <= now)
        {
            _queue.Dequeue();
            (kind, owner) = timer;
            return true;
        }

        (kind, owner) = (default, null);
        return false;
    }
}
