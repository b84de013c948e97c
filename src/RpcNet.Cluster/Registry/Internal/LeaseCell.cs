namespace RpcNet.Cluster.Registry;

/// <summary>
/// What makes a lease end exactly once: a version that the end raises, so that whoever holds the lease still cannot end the
/// cell's next one. Cells live in per-thread lists that exchange batches with a shared one.
/// </summary>
internal sealed class LeaseCell
{
    private const int Batch = 32;
    private const int MaxShared = 256;

    private static readonly Stack<LeaseCell> Shared = new();
    private static readonly Lock Gate = new();

    [ThreadStatic]
    private static LeaseCell? t_first;

    [ThreadStatic]
    private static int t_count;

    private LeaseCell? _next;
    private int _batchCount;
    private int _version;

    public int Version => Volatile.Read(ref _version);

    public WorkerRegistry? Registry { get; private set; }

    public static LeaseCell Rent(WorkerRegistry registry)
    {
        var cell = t_first;
        if (cell is null)
        {
            cell = TakeBatch();
        }

        t_first = cell._next;
        t_count--;
        cell._next = null;
        cell.Registry = registry;
        return cell;
    }

    public static void Return(LeaseCell cell)
    {
        cell.Registry = null;
        if (t_count >= 2 * Batch)
        {
            GiveBatch();
        }

        cell._next = t_first;
        t_first = cell;
        t_count++;
    }

    public bool TryEnd(int version) => Interlocked.CompareExchange(ref _version, version + 1, version) == version;

    private static LeaseCell TakeBatch()
    {
        lock (Gate)
        {
            if (Shared.TryPop(out var batch))
            {
                t_count = batch._batchCount;
                return batch;
            }
        }

        t_count = 1;
        return new LeaseCell();
    }

    /// <summary>Moves half of this thread's cells to the shared list, for threads that end fewer leases than they begin.</summary>
    private static void GiveBatch()
    {
        var first = t_first!;
        var last = first;
        for (var i = 1; i < Batch; i++)
        {
            last = last._next!;
        }

        t_first = last._next;
        t_count -= Batch;
        last._next = null;
        first._batchCount = Batch;
        lock (Gate)
        {
            if (Shared.Count < MaxShared)
            {
                Shared.Push(first);
            }
        }
    }
}
