using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster.Client;

/// <summary>Pauses between attempts.</summary>
internal static class BackOff
{
    /// <summary>min(<paramref name="longest"/>, <paramref name="first"/> · 2^<paramref name="failures"/>), ±20 %.</summary>
    public static TimeSpan Growing(TimeSpan first, int failures, TimeSpan longest, RandomSource random)
    {
        var pause = first * Math.Pow(2, Math.Min(failures, 20));
        return Jittered(pause < longest ? pause : longest, random);
    }

    /// <summary>A pause ±20 %, so that what began together does not go on together.</summary>
    public static TimeSpan Jittered(TimeSpan pause, RandomSource random) => pause * (0.8 + (0.4 * random.NextDouble()));
}
