namespace RpcNet.Filters;

/// <summary>How often and when <see cref="RpcRetryFilter"/> sends a call again.</summary>
public sealed record RpcRetryOptions
{
    /// <summary>The most times that a call is sent, the first one included.</summary>
    /// <value>Default 3; 1 … 100.</value>
    public int MaxAttempts { get; init; } = 3;

    /// <summary>The pause before the second attempt; it doubles with each further one.</summary>
    /// <value>Default 50 ms; 0 … 1 min.</value>
    public TimeSpan InitialDelay { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>The longest pause.</summary>
    /// <value>Default 1 s; at least <see cref="InitialDelay"/>, at most 10 min.</value>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// What an idempotent method is sent again for although it may have run. Whatever certainly did not run is sent again for
    /// Unavailable and ResourceExhausted, idempotent or not.
    /// </summary>
    /// <value>Default: Unavailable.</value>
    public IReadOnlyCollection<RpcStatusCode> IdempotentStatuses { get; init; } = [RpcStatusCode.Unavailable];

    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    internal void Validate()
    {
        if (MaxAttempts is < 1 or > 100)
        {
            throw new ArgumentOutOfRangeException(nameof(MaxAttempts), MaxAttempts, "RpcRetryOptions.MaxAttempts must be between 1 and 100.");
        }

        if (InitialDelay < TimeSpan.Zero || InitialDelay > TimeSpan.FromMinutes(1))
        {
            throw new ArgumentOutOfRangeException(nameof(InitialDelay), InitialDelay, "RpcRetryOptions.InitialDelay must be between 0 and 1 min.");
        }

        if (MaxDelay < InitialDelay || MaxDelay > TimeSpan.FromMinutes(10))
        {
            throw new ArgumentOutOfRangeException(nameof(MaxDelay), MaxDelay, "RpcRetryOptions.MaxDelay must be between InitialDelay and 10 min.");
        }
    }
}
