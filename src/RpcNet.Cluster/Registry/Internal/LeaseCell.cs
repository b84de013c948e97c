namespace RpcNet.Cluster.Registry;

/// <summary>
/// What makes a lease end exactly once: a version that the end raises, so that whoever holds the lease still cannot end the
/// cell's next one. Cells live in per-thread stacks that exchange batches with a shared one.
/// </summary>
internal sealed class LeaseCell
{
    private const int Batch = 32;
    private const int MaxShared = 256;

    private static readonly Stack<LeaseCell[]> Shared = new();
    private static readonly Stack<LeaseCell[]> Empty = new();
    private static readonly Lock Gate = new();

    [ThreadStatic]
    private static Local? t_local;

    private int _version;

    public int Version => Volatile.Read(ref _version);

    public static LeaseCell Rent()
    {
        if (t_local is not { Count: > 0 } local)
        {
            return RentSlowly();
        }

        // The entry stays: clearing it would cost a write that its next return repeats.
        var count = local.Count - 1;
        local.Count = count;
        return local.Cells[count];
    }

    public static void Return(LeaseCell cell)
    {
        var local = t_local ??= new Local();
        var count = local.Count;
        if (count == 2 * Batch)
        {
            GiveBatch(local);
            count = local.Count;
        }

        if (!ReferenceEquals(local.Cells[count], cell))
        {
            local.Cells[count] = cell;
        }

        local.Count = count + 1;
    }

    public bool TryEnd(int version) => Interlocked.CompareExchange(ref _version, version + 1, version) == version;

    private static LeaseCell RentSlowly()
    {
        var local = t_local ??= new Local();
        lock (Gate)
        {
            if (Shared.TryPop(out var batch))
            {
                batch.CopyTo(local.Cells, 0);
                Empty.Push(batch);
                local.Count = Batch - 1;
                return local.Cells[Batch - 1];
            }
        }

        return new LeaseCell();
    }

    /// <summary>Moves half of this thread's cells to the shared list, for threads that end more leases than they begin.</summary>
    private static void GiveBatch(Local local)
    {
        local.Count -= Batch;
        lock (Gate)
        {
            if (Shared.Count < MaxShared)
            {
                var batch = Empty.TryPop(out var empty) ? empty : new LeaseCell[Batch];
                Array.Copy(local.Cells, local.Count, batch, 0, Batch);
                Shared.Push(batch);
            }
        }
    }

    private sealed class Local
    {
        public readonly LeaseCell[] Cells = new LeaseCell[2 * Batch];
        public int Count;
    }
}
