namespace RpcNet.Framing;

/// <summary>Deadlines of calls that have a timer of their own.</summary>
internal static class Deadlines
{
    /// <summary>What timers can wait for (2^32 − 2 ms); a longer timeout is none.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    /// <summary>A source that is cancelled when the timeout has passed.</summary>
    public static CancellationTokenSource CreateSource(TimeSpan timeout, TimeProvider time) =>
        new(Bound(timeout), time);

    /// <summary>The timestamp that lies <paramref name="timeout"/> ahead; <see cref="long.MaxValue"/> where that is never.</summary>
    public static long After(TimeSpan timeout, TimeProvider time)
    {
        var ticks = timeout.TotalSeconds * time.TimestampFrequency;
        return ticks >= long.MaxValue / 2 ? long.MaxValue : time.GetTimestamp() + (long)ticks;
    }

    /// <summary>The timeout as timers take it.</summary>
    public static TimeSpan Bound(TimeSpan timeout) =>
        timeout >= Longest ? Timeout.InfiniteTimeSpan : timeout < TimeSpan.Zero ? TimeSpan.Zero : timeout;
}
