namespace RpcNet.Client.Internal;

/// <summary>
/// The calls in flight on one connection, in slots. Whoever moves a slot from active to taken owns the call's
/// completion: the response's reader, the canceller, the deadline, or the connection's end. A slot is free again only
/// when the server's terminal frame has come, so that slots count what the server counts.
/// </summary>
/// <remarks>
/// A call id is the low 16 bits of the slot's generation followed by 16 bits of slot index; late frames of an earlier
/// generation are recognised. Free slots form a Treiber stack whose head carries a tag against ABA.
/// </remarks>
internal sealed class CallTable
{
    private const long StateMask = 3;
    private const long Free = 0;
    private const long Active = 1;
    private const long Taken = 2;

    private readonly Slot[] _slots;
    private long _head;
    private int _used;

    public CallTable(int capacity)
    {
        // Links hold index + 1, so that 0 is the end of the list.
        _slots = new Slot[capacity];
        for (var i = 0; i < capacity - 1; i++)
        {
            _slots[i].Next = i + 2;
        }

        _head = 1;
    }

    /// <summary>Slots that are not free.</summary>
    public int Used => Volatile.Read(ref _used);

    /// <summary>All slots.</summary>
    public int Capacity => _slots.Length;

    /// <summary>Takes a free slot; false when all are in use.</summary>
    public bool TryRent(out int index)
    {
        while (true)
        {
            var head = Volatile.Read(ref _head);
            var top = (int)(head & 0xFFFF_FFFF);
            if (top == 0)
            {
                index = -1;
                return false;
            }

            var next = Volatile.Read(ref _slots[top - 1].Next);
            if (Interlocked.CompareExchange(ref _head, NextHead(head, next), head) == head)
            {
                Interlocked.Increment(ref _used);
                index = top - 1;
                return true;
            }
        }
    }

    /// <summary>Gives back a slot that was rented and never activated.</summary>
    public void ReturnUnused(int index) => Push(index);

    /// <summary>Puts a call into a rented slot; from here on anyone may take it.</summary>
    public void Activate(int index, PendingCall call, long deadline)
    {
        ref var slot = ref _slots[index];
        var generation = (slot.State >> 2) + 1;
        slot.Call = call;
        slot.Deadline = deadline;
        call.Bind((uint)((generation & 0xFFFF) << 16) | (uint)index, generation);
        Volatile.Write(ref slot.State, (generation << 2) | Active);
    }

    /// <summary>Takes the call with this id out of its slot, if it is still there.</summary>
    public PendingCall? TryTake(uint callId)
    {
        var index = callId & 0xFFFF;
        if (index >= _slots.Length)
        {
            return null;
        }

        ref var slot = ref _slots[index];
        var state = Volatile.Read(ref slot.State);
        return (state & StateMask) == Active && IsGeneration(state, callId) ? TryTake(ref slot, state) : null;
    }

    /// <summary>Whether the call with this id waits for its completion.</summary>
    public bool IsActive(uint callId)
    {
        var index = callId & 0xFFFF;
        if (index >= _slots.Length)
        {
            return false;
        }

        var state = Volatile.Read(ref _slots[index].State);
        return (state & StateMask) == Active && IsGeneration(state, callId);
    }

    /// <summary>Takes exactly this call out of its slot.</summary>
    public bool TryTake(uint callId, long generation) =>
        TryTake(ref _slots[callId & 0xFFFF], (generation << 2) | Active) is not null;

    /// <summary>Frees a taken slot after the terminal frame of its call.</summary>
    /// <returns>False for an id that is not outstanding: a duplicate or invented terminal frame.</returns>
    public bool TryRelease(uint callId)
    {
        var index = callId & 0xFFFF;
        if (index >= _slots.Length)
        {
            return false;
        }

        ref var slot = ref _slots[index];
        var state = Volatile.Read(ref slot.State);
        if ((state & StateMask) != Taken
            || !IsGeneration(state, callId)
            || Interlocked.CompareExchange(ref slot.State, (state & ~StateMask) | Free, state) != state)
        {
            return false;
        }

        Push((int)index);
        return true;
    }

    /// <summary>Takes every call that is due; gives the earliest deadline left.</summary>
    public long TakeDue(long now, Action<PendingCall> taken)
    {
        var next = long.MaxValue;
        for (var i = 0; i < _slots.Length; i++)
        {
            ref var slot = ref _slots[i];
            var state = Volatile.Read(ref slot.State);
            if ((state & StateMask) != Active)
            {
                continue;
            }

            var deadline = Volatile.Read(ref slot.Deadline);
            if (deadline > now)
            {
                next = Math.Min(next, deadline);
            }
            else if (TryTake(ref slot, state) is { } call)
            {
                taken(call);
            }
        }

        return next;
    }

    /// <summary>Takes every call, when the connection has ended.</summary>
    public void TakeAll(Action<PendingCall> taken) => TakeDue(long.MaxValue, taken);

    // The slot keeps its reference: clearing it after the exchange would race with the slot's next call.
    private static PendingCall? TryTake(ref Slot slot, long activeState)
    {
        var call = slot.Call;
        var taken = (activeState & ~StateMask) | Taken;
        return Interlocked.CompareExchange(ref slot.State, taken, activeState) == activeState ? call : null;
    }

    private static bool IsGeneration(long state, uint callId) => (ushort)(state >> 2) == callId >> 16;

    private static long NextHead(long head, int top) => (((head >> 32) + 1) << 32) | (uint)top;

    private void Push(int index)
    {
        Interlocked.Decrement(ref _used);
        while (true)
        {
            var head = Volatile.Read(ref _head);
            Volatile.Write(ref _slots[index].Next, (int)(head & 0xFFFF_FFFF));
            if (Interlocked.CompareExchange(ref _head, NextHead(head, index + 1), head) == head)
            {
                return;
            }
        }
    }

    private struct Slot
    {
        /// <summary>The generation shifted by two, and one of Free, Active, Taken.</summary>
        public long State;
        public long Deadline;
        public PendingCall? Call;
        public int Next;
    }
}
