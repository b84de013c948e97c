namespace RpcNet.Cluster.Client;

/// <summary>
/// The recent latencies of one method in buckets of a quarter of an octave (a step of 19 %) from 1 µs up; all counts are halved
/// every 4,096 calls, so that old ones fade.
/// </summary>
internal sealed class LatencyHistogram
{
    private const int BucketsPerOctave = 4;
    private const int HalveAfter = 4096;
    private const int MinSamples = 100;
    private const int RefreshAfter = 64;

    private readonly int[] _counts = new int[40 * BucketsPerOctave];
    private int _total;
    private int _sinceRefresh = RefreshAfter;
    private long _cachedTicks = -1;

    public void Add(TimeSpan latency)
    {
        var microseconds = Math.Max(1, latency.TotalMicroseconds);
        var bucket = Math.Min((int)(Math.Log2(microseconds) * BucketsPerOctave), _counts.Length - 1);
        Interlocked.Increment(ref _counts[bucket]);
        Interlocked.Increment(ref _sinceRefresh);
        if (Interlocked.Increment(ref _total) >= HalveAfter)
        {
            Halve();
        }
    }

    /// <summary>The upper end of the bucket that holds the percentile, or null before there are 100 samples.</summary>
    public TimeSpan? Percentile(double share)
    {
        var total = Volatile.Read(ref _total);
        if (total < MinSamples)
        {
            return null;
        }

        if (Volatile.Read(ref _sinceRefresh) < RefreshAfter && Volatile.Read(ref _cachedTicks) is var cached and >= 0)
        {
            return TimeSpan.FromTicks(cached);
        }

        Volatile.Write(ref _sinceRefresh, 0);
        var wanted = share * total;
        long seen = 0;
        var bucket = 0;
        for (; bucket < _counts.Length - 1; bucket++)
        {
            seen += Volatile.Read(ref _counts[bucket]);
            if (seen >= wanted)
            {
                break;
            }
        }

        var result = TimeSpan.FromMicroseconds(Math.Pow(2, (bucket + 1.0) / BucketsPerOctave));
        Volatile.Write(ref _cachedTicks, result.Ticks);
        return result;
    }

    private void Halve()
    {
        lock (_counts)
        {
            if (Volatile.Read(ref _total) < HalveAfter)
            {
                return;
            }

            var total = 0;
            for (var i = 0; i < _counts.Length; i++)
            {
                _counts[i] /= 2;
                total += _counts[i];
            }

            Volatile.Write(ref _total, total);
        }
    }
}
