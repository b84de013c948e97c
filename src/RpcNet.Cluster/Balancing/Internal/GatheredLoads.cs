using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace RpcNet.Cluster.Balancing;

/// <summary>The loads of a set side by side, in the order of its workers.</summary>
internal static class GatheredLoads
{
    [ThreadStatic]
    private static int[]? t_gathered;

    /// <summary>The loads themselves where they lie side by side, a copy where they do not: valid until the thread's next call.</summary>
    public static ReadOnlySpan<int> Of(WorkerSet candidates) => candidates.IsContiguous
        ? candidates.Loads.AsSpan(candidates.Slots[0], candidates.Count)
        : Gather(candidates.Loads, candidates.Slots);

    /// <summary>Brings scattered loads together once, so that several passes read them in order.</summary>
    private static ReadOnlySpan<int> Gather(int[] loads, int[] slots)
    {
        if (t_gathered is not { } gathered || gathered.Length < slots.Length)
        {
            t_gathered = gathered = new int[BitOperations.RoundUpToPowerOf2((uint)slots.Length)];
        }

        // Slots are indices into the table by construction; the check of each would double the cost of the loop.
        ref var first = ref MemoryMarshal.GetArrayDataReference(loads);
        var target = gathered.AsSpan(0, slots.Length);
        for (var i = 0; i < target.Length; i++)
        {
            target[i] = Unsafe.Add(ref first, (nint)(uint)slots[i]);
        }

        return target;
    }
}
