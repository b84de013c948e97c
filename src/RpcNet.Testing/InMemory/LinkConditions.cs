namespace RpcNet.Testing.InMemory;

/// <summary>How messages travel over one direction of a link of an <see cref="InMemoryNetwork"/>.</summary>
/// <remarks>
/// Delay of a message = Latency + uniform(0, Jitter) + n · RetransmissionDelay, n being the number of losses in a row, each
/// of probability LossRate. A message never overtakes an earlier one of the same connection and direction.
/// </remarks>
public sealed record LinkConditions
{
    /// <summary>No delay at all: messages are handed over directly, without a timer.</summary>
    public static LinkConditions Perfect { get; } = new();

    /// <summary>The one-way delay.</summary>
    /// <value>Default 0.</value>
    public TimeSpan Latency { get; init; }

    /// <summary>The largest random addition to the delay.</summary>
    /// <value>Default 0.</value>
    public TimeSpan Jitter { get; init; }

    /// <summary>The probability that a message is lost and comes later, since streams are reliable.</summary>
    /// <value>Default 0; 0 … 0.99.</value>
    public double LossRate { get; init; }

    /// <summary>What each loss of a message adds to its delay.</summary>
    /// <value>Default 100 ms.</value>
    public TimeSpan RetransmissionDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    internal bool IsDirect { get; private set; } = true;

    internal LinkConditions Validated()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Latency, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(Jitter, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(RetransmissionDelay, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfNegative(LossRate);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(LossRate, 0.99);
        return this with { IsDirect = Latency == TimeSpan.Zero && Jitter == TimeSpan.Zero && LossRate == 0 };
    }

    internal TimeSpan NextDelay(Random random)
    {
        var delay = Latency + (random.NextDouble() * Jitter);
        while (LossRate > 0 && random.NextDouble() < LossRate)
        {
            delay += RetransmissionDelay;
        }

        return delay;
    }
}
