using System.Runtime.InteropServices;

namespace RpcNet.Testing.VirtualTime;

/// <summary>
/// Counts what is in flight in one test cluster: work items of the thread pool that have been queued and have not ended, and
/// threads that run the cluster's code.
/// </summary>
/// <remarks>
/// <para>
/// The cluster's code is known by its <see cref="ExecutionContext"/>, in which an <see cref="AsyncLocal{T}"/> names the tracker:
/// the runtime carries it along all that the code causes, and tells each thread when it comes to bear it and when it ceases to.
/// An item that such a thread queues counts from then on (<see cref="PoolEvents"/>), and the thread that takes it counts until
/// the item has ended. The count of an item is added before that of its cause is taken away, so that zero is
/// never passed through: at zero nothing can move unless something outside moves it.
/// </para>
/// <para>
/// Unseen: threads of their own between their start and their first step; a continuation on its way through a
/// <see cref="SynchronizationContext"/>; what the operating system has yet to complete (sockets), and timers of the system's clock.
/// </para>
/// </remarks>
internal sealed class WorkTracker
{
    private const int SpinsBeforeSleep = 200;

    private static readonly AsyncLocal<WorkTracker?> s_current =
        new(static change => ThreadWork.Current.Become(change.CurrentValue));

    private readonly Lock _adoptersGate = new();
    private readonly HashSet<ThreadWork> _adopters = [];
    private long _inFlight;
    private long _queued;

    /// <summary>Begins to listen.</summary>
    public WorkTracker() => PoolEvents.Listen();

    /// <summary>The tracker whose work the caller is part of.</summary>
    public static WorkTracker? Current
    {
        get => s_current.Value;
        set => s_current.Value = value;
    }

    /// <summary>Items queued and not ended, and threads at work.</summary>
    public long InFlight => Interlocked.Read(ref _inFlight);

    /// <summary>Items that were ever queued, which is how <see cref="PoolEvents.Verify"/> sees that they are noticed.</summary>
    public long Queued => Interlocked.Read(ref _queued);

    /// <summary>Makes the caller's thread part of the work until the result is disposed.</summary>
    public Scope Enter() => new(this);

    public void Begin() => Interlocked.Increment(ref _inFlight);

    public void End() => Interlocked.Decrement(ref _inFlight);

    public void CountQueued() => Interlocked.Increment(ref _queued);

    public void AddAdopter(ThreadWork thread)
    {
        lock (_adoptersGate)
        {
            _adopters.Add(thread);
        }
    }

    /// <summary>Blocks the caller, which is neither part of the work nor a thread of the pool, until nothing is in flight.</summary>
    /// <returns>False: something still is after that time.</returns>
    public bool WaitForIdle(TimeSpan patience)
    {
        var began = TimeProvider.System.GetTimestamp();
        var spin = new SpinWait();
        while (InFlight != 0)
        {
            // The end of an item on a thread of the pool is found, not told; most are short.
            Sweep();
            if (InFlight != 0 && TimeProvider.System.GetElapsedTime(began) > patience)
            {
                return false;
            }

            spin.SpinOnce(SpinsBeforeSleep);
        }

        return true;
    }

    /// <summary>What is in flight, for a message.</summary>
    public string Describe()
    {
        string[] threads;
        lock (_adoptersGate)
        {
            threads = [.. _adopters.Where(t => t.IsOf(this)).Select(static t => t.ToString())];
        }

        return $"{InFlight} in flight" + (threads.Length == 0 ? "" : $", on {string.Join(", ", threads)}");
    }

    private void Sweep()
    {
        ThreadWork[] adopters;
        lock (_adoptersGate)
        {
            adopters = [.. _adopters];
        }

        foreach (var thread in adopters)
        {
            thread.LeaveIfEnded();
        }
    }

    /// <summary>The time that a thread is part of a tracker's work.</summary>
    [StructLayout(LayoutKind.Auto)]
    public readonly struct Scope : IDisposable
    {
        private readonly WorkTracker? _before;

        public Scope(WorkTracker tracker)
        {
            _before = Current;
            Current = tracker;
        }

        public void Dispose() => Current = _before;
    }
}
