namespace RpcNet.Cluster;

/// <summary>How balanced calls are made. Configuration section <c>RpcNet:Cluster:Client</c>.</summary>
public sealed class ClusterClientOptions
{
    /// <summary>What the workers must fit: a tag expression.</summary>
    /// <value>Default empty: every worker of the registry.</value>
    public string Tags { get; set; } = "";

    /// <summary>The deadline, over all tries, of calls that have none otherwise.</summary>
    /// <value>1 ms … 1 day; null (the default) leaves them without.</value>
    public TimeSpan? DefaultTimeout { get; set; }

    /// <summary>
    /// How often one call may be sent, the first time included. Attempts that certainly reached no handler because the worker
    /// could not be connected to or is going away do not count.
    /// </summary>
    /// <value>1 … 100; default 4.</value>
    public int MaxAttempts { get; set; } = 4;

    /// <summary>Retries and hedges together are at most this share of the calls.</summary>
    /// <value>0 … 1; default 0.2.</value>
    public double RetryBudget { get; set; } = 0.2;

    /// <summary>
    /// So many retries and hedges are granted before there were calls enough to earn them; the first calls then earn none.
    /// </summary>
    /// <value>0 … 10,000; default 10.</value>
    public int RetryReserve { get; set; } = 10;

    /// <summary>How many retries and hedges may be saved up for an outage.</summary>
    /// <value>0 … 1,000,000 and at least <see cref="RetryReserve"/>; default 250.</value>
    public int RetryBurst { get; set; } = 250;

    /// <summary>An idempotent unary call that has no answer after this time is sent to a second worker too.</summary>
    /// <value>1 ms … 1 h; null (the default) does not hedge.</value>
    public TimeSpan? HedgingDelay { get; set; }

    /// <summary>
    /// Hedges after the time within which this share of the method's calls was answered lately. With
    /// <see cref="HedgingDelay"/> also set, that is the least delay, and the delay until enough calls were measured.
    /// </summary>
    /// <value>0.5 … 0.999; null (the default) goes by <see cref="HedgingDelay"/> alone.</value>
    public double? HedgingPercentile { get; set; }

    /// <summary>How many workers <see cref="ClusterClient"/> calls at a time when it calls all.</summary>
    /// <value>1 … 10,000; default 64.</value>
    public int MaxParallelCalls { get; set; } = 64;

    /// <summary>What is wrong with the values, one sentence each, for the configuration section <paramref name="section"/>.</summary>
    public IEnumerable<string> Validate(string section = "RpcNet:Cluster:Client")
    {
        if (!TagExpression.TryParse(Tags, out _, out var complaint))
        {
            yield return $"{section}:Tags: {complaint}";
        }

        foreach (var (name, value, least, most) in new (string, double, double, double)[]
        {
            (nameof(MaxAttempts), MaxAttempts, 1, 100),
            (nameof(RetryBudget), RetryBudget, 0, 1),
            (nameof(RetryReserve), RetryReserve, 0, 10_000),
            (nameof(RetryBurst), RetryBurst, RetryReserve, 1_000_000),
            (nameof(HedgingPercentile), HedgingPercentile ?? 0.5, 0.5, 0.999),
            (nameof(MaxParallelCalls), MaxParallelCalls, 1, 10_000),
        })
        {
            if (!(value >= least && value <= most))
            {
                yield return FormattableString.Invariant($"{section}:{name} is {value}; it must be from {least} to {most}.");
            }
        }

        foreach (var (name, value, most) in new (string, TimeSpan?, TimeSpan)[]
        {
            (nameof(DefaultTimeout), DefaultTimeout, TimeSpan.FromDays(1)),
            (nameof(HedgingDelay), HedgingDelay, TimeSpan.FromHours(1)),
        })
        {
            if (value < TimeSpan.FromMilliseconds(1) || value > most)
            {
                yield return $"{section}:{name} is {value:c}; it must be from 00:00:00.0010000 to {most:c}, or not be set.";
            }
        }
    }
}
