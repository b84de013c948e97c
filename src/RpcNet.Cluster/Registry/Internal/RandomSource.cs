namespace RpcNet.Cluster.Registry;

/// <summary>
/// SplitMix64 over an atomic counter: threads may share it, it takes no lock, and one thread gets the same numbers from the
/// same seed.
/// </summary>
internal sealed class RandomSource(ulong seed)
{
    private ulong _state = seed;

    public ulong Next()
    {
        var z = Interlocked.Add(ref _state, 0x9E3779B97F4A7C15);
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
