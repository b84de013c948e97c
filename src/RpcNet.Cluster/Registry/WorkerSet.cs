using RpcNet.Cluster.Balancing;
using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster;

/// <summary>The workers that a selection chooses from: an immutable list whose workers' loads are live.</summary>
public sealed class WorkerSet
{
    private readonly Worker[] _workers;
    private readonly ulong _inverseCount;

    internal WorkerSet(Worker[] workers, int[] loads, bool isTransient = false)
    {
        _workers = workers;
        _inverseCount = workers.Length == 0 ? 0 : (ulong.MaxValue / (uint)workers.Length) + 1;
        IsTransient = isTransient;
        Loads = loads;
        Slots = new int[workers.Length];
        InverseCapacities = new float[workers.Length];
        IsContiguous = true;
        for (var i = 0; i < workers.Length; i++)
        {
            Slots[i] = workers[i].Slot;
            IsContiguous &= Slots[i] == Slots[0] + i;
            InverseCapacities[i] = (float)(1 / workers[i].Capacity);
            TotalCapacity += workers[i].Capacity;
            HasEqualCapacities &= InverseCapacities[i] == InverseCapacities[0];
        }
    }

    /// <summary>How many there are.</summary>
    public int Count => _workers.Length;

    /// <summary>The workers, in an order that is the same until one comes or goes.</summary>
    public ReadOnlySpan<Worker> Workers => _workers;

    /// <summary>One of the workers.</summary>
    /// <exception cref="IndexOutOfRangeException">There is no such worker.</exception>
    public Worker this[int index] => _workers[index];

    /// <summary>Calls in progress at a worker, cheaper than through <see cref="Worker.InFlight"/>; may be negative for a moment.</summary>
    public int GetLoad(int index) => Volatile.Read(ref Loads[Slots[index]]);

    internal int[] Loads { get; }

    internal int[] Slots { get; }

    /// <summary>Whether the loads of these workers follow each other in <see cref="Loads"/>.</summary>
    internal bool IsContiguous { get; }

    /// <summary>1 / capacity of each, as of the last change of the set or of a capacity.</summary>
    internal float[] InverseCapacities { get; }

    internal double TotalCapacity { get; }

    internal bool HasEqualCapacities { get; } = true;

    internal Worker[] Items => _workers;

    /// <summary>Whether the set is made for one selection, so that nothing derived from it is worth keeping.</summary>
    internal bool IsTransient { get; }

    /// <summary>What <see cref="ConsistentHashBalancer"/> derives from the set.</summary>
    internal HashTable? Hashes { get; set; }

    /// <summary><paramref name="number"/> modulo <see cref="Count"/>, by two multiplications (Lemire, Kaser, Kurz 2019).</summary>
    internal int Modulo(uint number) =>
        _workers.Length == 1 ? 0 : (int)(((((_inverseCount * number) >> 32) + 1) * (uint)_workers.Length) >> 32);

    /// <summary>The others.</summary>
    internal WorkerSet Without(ReadOnlySpan<Worker> excluded)
    {
        var rest = new List<Worker>(_workers.Length);
        foreach (var worker in _workers)
        {
            if (!Contains(excluded, worker))
            {
                rest.Add(worker);
            }
        }

        return new WorkerSet([.. rest], Loads, isTransient: true);
    }

    internal static bool Contains(ReadOnlySpan<Worker> workers, Worker worker)
    {
        foreach (var candidate in workers)
        {
            if (ReferenceEquals(candidate, worker))
            {
                return true;
            }
        }

        return false;
    }
}
