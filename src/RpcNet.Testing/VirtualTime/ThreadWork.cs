namespace RpcNet.Testing.VirtualTime;

/// <summary>Whose work a thread does.</summary>
internal sealed class ThreadWork
{
    private const string NameAtWork = "RpcTestCluster work";

    // What the pool names its threads again after each item.
    private static volatile string? s_nameInPool;

    [ThreadStatic]
    private static ThreadWork? t_current;

    private readonly Thread _thread = Thread.CurrentThread;
    private readonly Lock _gate = new();
    private WorkTracker? _tracker;
    private bool _adopted;

    private ThreadWork()
    {
    }

    /// <summary>The calling thread's.</summary>
    public static ThreadWork Current => t_current ??= new ThreadWork();

    /// <summary>Whose work the calling thread does, if anybody's.</summary>
    public static WorkTracker? CurrentTracker
    {
        get
        {
            // A thread that the pool retires queues the rest of its items again: that is nobody's work.
            t_current?.LeaveIfEnded();
            return t_current?._tracker;
        }
    }

    public bool IsOf(WorkTracker tracker) => _tracker == tracker;

    /// <summary>The thread's context has changed. What happens to it within an item that was adopted does not matter.</summary>
    public void Become(WorkTracker? tracker)
    {
        WorkTracker? left;
        lock (_gate)
        {
            left = _tracker;
            if (left == tracker || (_adopted && tracker is null))
            {
                return;
            }

            tracker?.Begin();
            _tracker = tracker;
            _adopted = false;
        }

        left?.End();
    }

    /// <summary>
    /// The thread, of the pool and between two items, has taken one of that tracker's, or one of nobody's. What it did before has
    /// ended.
    /// </summary>
    /// <remarks>
    /// An item is in flight until the thread takes the next one or, as <see cref="LeaveIfEnded"/> finds, until the pool has
    /// given the thread its old name again. The end of the item's context is no sign: a task completes, and runs what waits for
    /// it, after that; and an item may bring a context that knows no tracker.
    /// </remarks>
    public void Adopt(WorkTracker? tracker)
    {
        if (tracker is not null)
        {
            Thread.CurrentThread.Name = NameAtWork;
        }

        WorkTracker? left;
        lock (_gate)
        {
            left = _tracker;
            tracker?.Begin();
            _tracker = tracker;
            _adopted = tracker is not null;
        }

        left?.End();
        if (tracker is not null)
        {
            WorkTracker.Current = tracker;
            tracker.AddAdopter(this);
        }
    }

    /// <summary>Asked from any thread: has the item ended that this one adopted?</summary>
    public void LeaveIfEnded()
    {
        WorkTracker? left = null;
        lock (_gate)
        {
            if (_adopted && _thread.Name == s_nameInPool)
            {
                left = _tracker;
                _tracker = null;
                _adopted = false;
            }
        }

        left?.End();
    }

    /// <summary>Remembers the name of an idle thread of the pool.</summary>
    public static void LearnNameInPool() => s_nameInPool = Thread.CurrentThread.Name;

    public override string ToString() => $"thread {_thread.ManagedThreadId} ({_thread.Name})";
}
