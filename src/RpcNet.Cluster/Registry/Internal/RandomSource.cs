namespace RpcNet.Cluster.Registry;

/// <summary>
/// SplitMix64 over a counter that threads may share: one thread gets the same numbers from the same seed. An atomic addition
/// would cost more than the rest; threads that race without it may draw the same number, which each of them may.
/// </summary>
internal sealed class RandomSource(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        var z = Volatile.Read(ref _state) + 0x9E3779B97F4A7C15;
        Volatile.Write(ref _state, z);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>A number below <paramref name="limit"/>; the bias is under 2⁻³² · limit.</summary>
    public int Next(int limit) => Scale((uint)(Next() >> 32), limit);

    /// <summary>From 0 to below 1.</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Maps 32 random bits to a number below <paramref name="limit"/> by multiplication, which a remainder would double in cost.</summary>
    public static int Scale(uint bits, int limit) => (int)(((ulong)bits * (uint)limit) >> 32);
}
