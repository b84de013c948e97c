namespace RpcNet.Cluster;

/// <summary>
/// When a worker that membership finds alive gets no calls for a while: a circuit breaker for each worker, and a comparison of
/// the workers with each other. Configuration section <c>RpcNet:Cluster:Workers:Outliers</c>.
/// </summary>
public sealed class OutlierOptions
{
    /// <summary>Whether workers are ejected.</summary>
    /// <value>Default true.</value>
    public bool Enabled { get; set; } = true;

    /// <summary>So many failed calls in a row eject a worker at once.</summary>
    /// <value>1 … 10,000; default 5.</value>
    public int ConsecutiveFailures { get; set; } = 5;

    /// <summary>How often the workers are compared with each other.</summary>
    /// <value>100 ms … 10 min; default 1 s.</value>
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>So many calls must have ended before a worker's share of failures is judged.</summary>
    /// <value>5 … 1,000,000; default 50.</value>
    public int MinCalls { get; set; } = 50;

    /// <summary>
    /// A worker is ejected when its share of failures exceeds that of the others by this much and by three standard deviations.
    /// </summary>
    /// <value>0.01 … 1; default 0.05.</value>
    public double ExcessFailureShare { get; set; } = 0.05;

    /// <summary>
    /// A worker is ejected when the geometric mean of its successful calls is this many times the median of the others' means,
    /// and 10 ms more; 0 is off. Set it to 0 where the kinds of calls that workers get differ that much.
    /// </summary>
    /// <value>0 … 1,000 and not between 0 and 2; default 5.</value>
    public double SlowFactor { get; set; } = 5;

    /// <summary>How long the first ejection lasts; the n-th lasts n times as long.</summary>
    /// <value>100 ms … 1 h; default 10 s.</value>
    public TimeSpan BaseEjectionTime { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long an ejection lasts at most.</summary>
    /// <value>100 ms … 1 day and at least <see cref="BaseEjectionTime"/>; default 5 min.</value>
    public TimeSpan MaxEjectionTime { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>At most this share of the workers is ejected at a time.</summary>
    /// <value>0 … 1; default 0.5.</value>
    public double MaxEjectedShare { get; set; } = 0.5;

    /// <summary>
    /// At most this share of the workers, but at least one, is ejected for being slow: slowness can be overload, which each
    /// ejection makes worse for the others.
    /// </summary>
    /// <value>0 … 1; default 0.1.</value>
    public double MaxSlowShare { get; set; } = 0.1;

    internal IEnumerable<string> Validate(string section)
    {
        foreach (var (name, value, least, most) in new (string, double, double, double)[]
        {
            (nameof(ConsecutiveFailures), ConsecutiveFailures, 1, 10_000),
            (nameof(MinCalls), MinCalls, 5, 1_000_000),
            (nameof(ExcessFailureShare), ExcessFailureShare, 0.01, 1),
            (nameof(SlowFactor), SlowFactor == 0 ? 2 : SlowFactor, 2, 1000),
            (nameof(MaxEjectedShare), MaxEjectedShare, 0, 1),
            (nameof(MaxSlowShare), MaxSlowShare, 0, 1),
        })
        {
            if (!(value >= least && value <= most))
            {
                yield return FormattableString.Invariant($"{section}:{name} is {value}; it must be from {least} to {most}.");
            }
        }

        foreach (var (name, value, least, most) in new (string, TimeSpan, TimeSpan, TimeSpan)[]
        {
            (nameof(Interval), Interval, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(10)),
            (nameof(BaseEjectionTime), BaseEjectionTime, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)),
            (nameof(MaxEjectionTime), MaxEjectionTime, BaseEjectionTime, TimeSpan.FromDays(1)),
        })
        {
            if (value < least || value > most)
            {
                yield return $"{section}:{name} is {value:c}; it must be from {least:c} to {most:c}.";
            }
        }
    }
}
