using System.Runtime.InteropServices;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>The sizes that path MTU discovery tries, smallest first: most paths end at an Ethernet frame, so that comes soon.</summary>
internal static unsafe class PathMtu
{
    // Frames of 1,500 bytes behind tunnels and without, of 4 KiB and 9,000 bytes, and the loopback's.
    private static readonly ushort[] s_sizes = [1360, 1452, 4048, 8952, 16384, 32768];

    /// <summary>The sizes up to <paramref name="max"/>, which is the last; the memory lives as long as the process.</summary>
    public static ushort* Probes(int max, out int count)
    {
        var table = s_tables.GetOrAdd(max, static max => (nint)Build(max));
        count = Count(max);
        return (ushort*)table;
    }

    private static readonly System.Collections.Concurrent.ConcurrentDictionary<int, nint> s_tables = new();

    private static int Count(int max)
    {
        var count = max > 1200 ? 1 : 0;
        foreach (var size in s_sizes)
        {
            count += size < max ? 1 : 0;
        }

        return count;
    }

    private static ushort* Build(int max)
    {
        var count = Count(max);
        var table = (ushort*)NativeMemory.Alloc((nuint)Math.Max(count, 1), sizeof(ushort));
        for (var i = 0; i < count - 1; i++)
        {
            table[i] = s_sizes[i];
        }

        if (count > 0)
        {
            table[count - 1] = (ushort)max;
        }

        return table;
    }
}
