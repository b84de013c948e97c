using System.Collections;

namespace RpcNet.Cluster.Registry;

/// <summary>
/// The load of every worker in one array, so that a search for the least loaded one reads 4 bytes a worker in order instead of
/// following a pointer to each. A worker owns one slot, and gives it back once nothing counts in it any more.
/// </summary>
internal sealed class LoadTable(int capacity)
{
    private readonly BitArray _used = new(capacity);
    private int _searchFrom;

    public int[] Loads { get; } = new int[capacity];

    public int Capacity => capacity;

    /// <summary>The lowest free slot, or −1. The caller serializes.</summary>
    public int TryTake()
    {
        for (var i = _searchFrom; i < capacity; i++)
        {
            if (!_used[i])
            {
                _used[i] = true;
                _searchFrom = i + 1;
                return i;
            }
        }

        return -1;
    }

    /// <summary>Gives a slot back. The caller serializes.</summary>
    public void Return(int slot)
    {
        _used[slot] = false;
        _searchFrom = Math.Min(_searchFrom, slot);
    }
}
