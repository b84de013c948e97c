namespace RpcNet.Framing;

/// <summary>Lets one message through each interval and counts the others, so that a hostile peer cannot fill the log.</summary>
internal sealed class LogLimiter(TimeProvider time, TimeSpan interval)
{
    private readonly long _interval = (long)(interval.TotalSeconds * time.TimestampFrequency);
    private long _next = long.MinValue;
    private long _suppressed;

    /// <summary>Whether to log now.</summary>
    /// <param name="suppressed">Messages held back since the last one that passed.</param>
    public bool TryPass(out long suppressed)
    {
        var now = time.GetTimestamp();
        var next = Volatile.Read(ref _next);
        if (now < next || Interlocked.CompareExchange(ref _next, now + _interval, next) != next)
        {
            Interlocked.Increment(ref _suppressed);
            suppressed = 0;
            return false;
        }

        suppressed = Interlocked.Exchange(ref _suppressed, 0);
        return true;
    }
}
