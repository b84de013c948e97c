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

    /// <summary>The calling thread's tracker, from what the runtime has told so far.</summary>
    public static WorkTracker? CurrentTracker => t_current?._tracker;

    public bool IsOf(WorkTracker tracker) => _tracker == tracker;

    /// <summary>The thread's context has changed.</summary>
    public void Become(WorkTracker? tracker)
    {
        WorkTracker? left;
        lock (_gate)
        {
            left = _tracker;
            if (left == tracker)
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
    /// The thread, of the pool and between two items, has taken one of that tracker's. The context that it is given here ends
    /// with the item, and ends unnoticed only where the item brings a context of its own that knows no tracker. The pool takes
    /// the name back as well.
    /// </summary>
    public void Adopt(WorkTracker tracker)
    {
        Thread.CurrentThread.Name = NameAtWork;
        WorkTracker.Current = tracker;
        Become(tracker);
        lock (_gate)
        {
            _adopted = true;
        }

        tracker.AddAdopter(this);
    }

    /// <summary>Asked from another thread: has the item ended that this one adopted?</summary>
    public void LeaveIfEnded(WorkTracker tracker)
    {
        lock (_gate)
        {
            if (_tracker != tracker || !_adopted || s_nameInPool is null || _thread.Name != s_nameInPool)
            {
                return;
            }

            _tracker = null;
            _adopted = false;
        }

        tracker.End();
    }

    /// <summary>Remembers the name of an idle thread of the pool.</summary>
    public static void LearnNameInPool() => s_nameInPool = Thread.CurrentThread.Name;

    public override string ToString() => $"thread {_thread.ManagedThreadId} ({_thread.Name})";
}
