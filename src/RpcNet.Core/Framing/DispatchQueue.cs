using System.Collections.Concurrent;

namespace RpcNet.Framing;

/// <summary>
/// Runs work items on the thread pool, many for one request to it: while items come faster than a thread wakes, the
/// thread that runs already takes them.
/// </summary>
/// <remarks>
/// An item may block: before it runs, another thread is asked for if more items wait. So none waits for another to end,
/// as if each had been handed to the pool.
/// </remarks>
internal sealed class DispatchQueue : IThreadPoolWorkItem
{
    /// <summary>Items that one thread runs before it lets the pool's other work have its turn.</summary>
    private const int MaxRun = 128;

    private readonly ConcurrentQueue<IThreadPoolWorkItem> _items = new();
    private int _requested;

    public void Enqueue(IThreadPoolWorkItem item)
    {
        _items.Enqueue(item);
        Request();
    }

    void IThreadPoolWorkItem.Execute()
    {
        // From here on an item that comes asks for a thread again, since this one may have looked for items already.
        Interlocked.Exchange(ref _requested, 0);
        var clean = ExecutionContext.Capture()!;
        for (var i = 0; i < MaxRun && _items.TryDequeue(out var item); i++)
        {
            if (!_items.IsEmpty)
            {
                Request();
            }

            item.Execute();
            ExecutionContext.Restore(clean);
        }

        if (!_items.IsEmpty)
        {
            Request();
        }
    }

    private void Request()
    {
        if (Volatile.Read(ref _requested) == 0 && Interlocked.Exchange(ref _requested, 1) == 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }
}
