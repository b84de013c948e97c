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
    private static Local? t_local;

    private LeaseCell? _next;
    private int _version;

    public int Version => Volatile.Read(ref _version);

    public static LeaseCell Rent()
    {
        var local = t_local ??= new Local();
        if (local.First is not { } cell)
        {
            return TakeBatch(local);
        }

        local.First = cell._next;
        local.Count--;
        return cell;
    }

    public static void Return(LeaseCell cell)
    {
        var local = t_local ??= new Local();
        if (local.Count >= 2 * Batch)
        {
            GiveBatch(local);
        }

        cell._next = local.First;
        local.First = cell;
        local.Count++;
    }

    public bool TryEnd(int version) => Interlocked.CompareExchange(ref _version, version + 1, version) == version;

    private static LeaseCell TakeBatch(Local local)
    {
        lock (Gate)
        {
            if (Shared.TryPop(out var batch))
            {
                local.First = batch._next;
                local.Count = Batch - 1;
                return batch;
            }
        }

        return new LeaseCell();
    }

    /// <summary>Moves half of this thread's cells to the shared list, for threads that end fewer leases than they begin.</summary>
    private static void GiveBatch(Local local)
    {
        var first = local.First!;
        var last = first;
        for (var i = 1; i < Batch; i++)
        {
            last = last._next!;
        }

        local.First = last._next;
        local.Count -= Batch;
        last._next = null;
        lock (Gate)
        {
            if (Shared.Count < MaxShared)
            {
                Shared.Push(first);
            }
        }
    }

    private sealed class Local
    {
        public LeaseCell? First;
        public int Count;
    }
}
