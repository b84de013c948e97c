namespace RpcNet.Cluster.Registry;

/// <summary>What this process experienced with one worker.</summary>
internal sealed class WorkerHealth
{
    private int _calls;
    private int _failures;
    private int _consecutiveFailures;

    public PeakEwma Ewma { get; } = new();

    /// <summary>Durations of successful calls.</summary>
    public MeanWindow Durations { get; } = new();

    /// <summary>Timestamp at which the ejection ends; meaningful while the worker is ejected. Guarded by the registry's lock.</summary>
    public long EjectedUntil { get; set; }

    /// <summary>Timestamp at which the last ejection ended. Guarded by the registry's lock.</summary>
    public long ReturnedAt { get; set; }

    /// <summary>How often the worker was ejected lately. Guarded by the registry's lock.</summary>
    public int Ejections { get; set; }

    /// <summary>Whether it is ejected now. Guarded by the registry's lock.</summary>
    public bool IsEjected { get; set; }

    /// <summary>Whether the present ejection is for being slow. Guarded by the registry's lock.</summary>
    public bool IsSlow { get; set; }

    /// <returns>How many calls in a row have failed now.</returns>
    public int Record(bool succeeded)
    {
        Interlocked.Increment(ref _calls);
        if (succeeded)
        {
            if (Volatile.Read(ref _consecutiveFailures) != 0)
            {
                Volatile.Write(ref _consecutiveFailures, 0);
            }

            return 0;
        }

        Interlocked.Increment(ref _failures);
        return Interlocked.Increment(ref _consecutiveFailures);
    }

    /// <summary>Ends the window and gives its counts once it has <paramref name="minCalls"/>; before that, zeros.</summary>
    public (int Calls, int Failures) TakeWindowOf(int minCalls) =>
        Volatile.Read(ref _calls) < minCalls ? (0, 0) : Normalize(Interlocked.Exchange(ref _failures, 0), Interlocked.Exchange(ref _calls, 0));

    /// <summary>Forgets the failures: what led to an ejection shall not lead to the next one.</summary>
    public void Reset()
    {
        Volatile.Write(ref _consecutiveFailures, 0);
        TakeWindowOf(0);
        Durations.Take(0);
    }

    private static (int Calls, int Failures) Normalize(int failures, int calls) => (calls, Math.Min(failures, calls));
}

/// <summary>
/// The geometric mean of durations since the window began: unlike the arithmetic one it hardly moves for the few long calls of a
/// mixture, and moves by the factor when all calls take longer by a factor.
/// </summary>
internal sealed class MeanWindow
{
    private const double Scale = 1 << 20;

    private long _logs;
    private int _count;

    public void Add(TimeSpan duration)
    {
        Interlocked.Add(ref _logs, (long)(Math.Log2(Math.Max(1, duration.Ticks)) * Scale));
        Interlocked.Increment(ref _count);
    }

    /// <summary>Ends the window and gives its mean once it has <paramref name="minCount"/>; before that, null.</summary>
    public TimeSpan? Take(int minCount)
    {
        if (Volatile.Read(ref _count) < minCount)
        {
            return null;
        }

        var count = Interlocked.Exchange(ref _count, 0);
        var logs = Interlocked.Exchange(ref _logs, 0);
        return count == 0 ? null : TimeSpan.FromTicks((long)Math.Pow(2, logs / Scale / count));
    }
}
