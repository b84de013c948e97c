namespace RpcNet.Cluster;

/// <summary>How a worker reports its load. Configuration section <c>RpcNet:Cluster:Load</c>.</summary>
public sealed class WorkerLoadOptions
{
    /// <summary>
    /// How much the worker can carry compared with others, for strategies that weigh; 0 leaves it to the tag "capacity".
    /// </summary>
    /// <value>0 … 1,000,000; default 0.</value>
    public double Capacity { get; set; }

    /// <summary>
    /// How often the load is looked at while anyone watches; a change is reported then, so that this is also the least pause
    /// between two reports.
    /// </summary>
    /// <value>10 ms … 10 s; default 50 ms.</value>
    public TimeSpan Interval { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>A report is sent after this time even when nothing changed.</summary>
    /// <value>100 ms … 1 min; default 1 s.</value>
    public TimeSpan Heartbeat { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The most watchers at a time; more are refused with ResourceExhausted and go by what they know themselves.</summary>
    /// <value>1 … 10,000; default 256.</value>
    public int MaxWatchers { get; set; } = 256;

    /// <summary>What is wrong with the values, one sentence each, for the configuration section <paramref name="section"/>.</summary>
    public IEnumerable<string> Validate(string section = "RpcNet:Cluster:Load")
    {
        if (!(Capacity is >= 0 and <= 1_000_000))
        {
            yield return FormattableString.Invariant($"{section}:Capacity is {Capacity}; it must be from 0 to 1000000.");
        }

        if (Interval < TimeSpan.FromMilliseconds(10) || Interval > TimeSpan.FromSeconds(10))
        {
            yield return $"{section}:Interval is {Interval:c}; it must be from 00:00:00.0100000 to 00:00:10.";
        }

        if (Heartbeat < TimeSpan.FromMilliseconds(100) || Heartbeat > TimeSpan.FromMinutes(1))
        {
            yield return $"{section}:Heartbeat is {Heartbeat:c}; it must be from 00:00:00.1000000 to 00:01:00.";
        }

        if (MaxWatchers is < 1 or > 10_000)
        {
            yield return $"{section}:MaxWatchers is {MaxWatchers}; it must be from 1 to 10000.";
        }
    }
}
