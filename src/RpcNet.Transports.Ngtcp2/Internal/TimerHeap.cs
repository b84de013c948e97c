namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>Something with a deadline that a <see cref="TimerHeap"/> orders.</summary>
internal abstract class TimerEntry
{
    /// <summary>When it is due, in nanoseconds of the loop's clock; <see cref="ulong.MaxValue"/> is never.</summary>
    public ulong Deadline { get; set; } = ulong.MaxValue;

    /// <summary>Its place in the heap, or −1.</summary>
    public int HeapIndex { get; set; } = -1;
}

/// <summary>A binary heap whose entries know their place, so that moving a deadline costs O(log n).</summary>
internal sealed class TimerHeap
{
    private TimerEntry[] _entries = new TimerEntry[16];
    private int _count;

    public ulong Earliest => _count == 0 ? ulong.MaxValue : _entries[0].Deadline;

    public TimerEntry First => _entries[0];

    public void Set(TimerEntry entry, ulong deadline)
    {
        if (entry.HeapIndex >= 0)
        {
            var earlier = deadline < entry.Deadline;
            if (deadline == entry.Deadline)
            {
                return;
            }

            entry.Deadline = deadline;
            if (deadline == ulong.MaxValue)
            {
                Remove(entry);
            }
            else if (earlier)
            {
                Up(entry.HeapIndex);
            }
            else
            {
                Down(entry.HeapIndex);
            }

            return;
        }

        entry.Deadline = deadline;
        if (deadline == ulong.MaxValue)
        {
            return;
        }

        if (_count == _entries.Length)
        {
            Array.Resize(ref _entries, _count * 2);
        }

        Place(entry, _count++);
        Up(entry.HeapIndex);
    }

    public void Remove(TimerEntry entry)
    {
        var index = entry.HeapIndex;
        if (index < 0)
        {
            return;
        }

        entry.HeapIndex = -1;
        var last = _entries[--_count];
        _entries[_count] = null!;
        if (last == entry)
        {
            return;
        }

        Place(last, index);
        Up(index);
        Down(last.HeapIndex);
    }

    private void Place(TimerEntry entry, int index)
    {
        _entries[index] = entry;
        entry.HeapIndex = index;
    }

    private void Up(int index)
    {
        var entry = _entries[index];
        while (index > 0)
        {
            var parent = (index - 1) >> 1;
            if (_entries[parent].Deadline <= entry.Deadline)
            {
                break;
            }

            Place(_entries[parent], index);
            index = parent;
        }

        Place(entry, index);
    }

    private void Down(int index)
    {
        var entry = _entries[index];
        while (true)
        {
            var child = (index << 1) + 1;
            if (child >= _count)
            {
                break;
            }

            if (child + 1 < _count && _entries[child + 1].Deadline < _entries[child].Deadline)
            {
                child++;
            }

            if (_entries[child].Deadline >= entry.Deadline)
            {
                break;
            }

            Place(_entries[child], index);
            index = child;
        }

        Place(entry, index);
    }
}
