namespace RpcNet.Testing.FaultProxy;

/// <summary>What a <see cref="UdpFaultProxy"/> does to the datagrams of one direction. Rates are probabilities per datagram.</summary>
/// <remarks>
/// In this order: blackhole, loss, duplication; then for each copy corruption, truncation, rate limit, delay. A datagram
/// arrives Delay + uniform(0, Jitter) after it has left the rate limit, plus ReorderDelay where it is chosen for
/// reordering; so jitter reorders too. What is already delayed keeps its time when the faults change.
/// </remarks>
public sealed record UdpFaults
{
    /// <summary>Passes everything unharmed and at once.</summary>
    public static UdpFaults None { get; } = new();

    /// <summary>Every datagram vanishes.</summary>
    /// <value>Default false.</value>
    public bool Blackhole { get; init; }

    /// <summary>The one-way delay.</summary>
    /// <value>Default 0.</value>
    public TimeSpan Delay { get; init; }

    /// <summary>The largest random addition to the delay.</summary>
    /// <value>Default 0.</value>
    public TimeSpan Jitter { get; init; }

    /// <summary>The share of datagrams that vanish.</summary>
    /// <value>Default 0; 0 … 1.</value>
    public double LossRate { get; init; }

    /// <summary>The share of datagrams that arrive twice.</summary>
    /// <value>Default 0; 0 … 1.</value>
    public double DuplicationRate { get; init; }

    /// <summary>The share of datagrams that are held back for <see cref="ReorderDelay"/>, so that later ones overtake them.</summary>
    /// <value>Default 0; 0 … 1.</value>
    public double ReorderRate { get; init; }

    /// <summary>How long a reordered datagram is held back.</summary>
    /// <value>Default 5 ms.</value>
    public TimeSpan ReorderDelay { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>The share of datagrams in which one bit is flipped.</summary>
    /// <value>Default 0; 0 … 1.</value>
    public double CorruptionRate { get; init; }

    /// <summary>The share of datagrams that are cut to a random shorter length of at least 1 byte.</summary>
    /// <value>Default 0; 0 … 1.</value>
    public double TruncationRate { get; init; }

    /// <summary>The most bytes per second; null is unlimited.</summary>
    /// <value>Default null; at least 1.</value>
    public long? BytesPerSecond { get; init; }

    /// <summary>How long a datagram may wait for the rate limit before it is dropped instead, as in a router's full queue.</summary>
    /// <value>Default 100 ms.</value>
    public TimeSpan RateLimitQueue { get; init; } = TimeSpan.FromMilliseconds(100);

    internal bool IsTransparent { get; private set; } = true;

    internal UdpFaults Validated()
    {
        foreach (var rate in (ReadOnlySpan<double>)[LossRate, DuplicationRate, ReorderRate, CorruptionRate, TruncationRate])
        {
            if (rate is not (>= 0 and <= 1))
            {
                throw new ArgumentOutOfRangeException(nameof(rate), rate, "A rate must be 0 to 1.");
            }
        }

        foreach (var span in (ReadOnlySpan<TimeSpan>)[Delay, Jitter, ReorderDelay, RateLimitQueue])
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(span, TimeSpan.Zero);
        }

        if (BytesPerSecond is { } limit)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        }

        return this with
        {
            IsTransparent = !Blackhole && Delay == TimeSpan.Zero && Jitter == TimeSpan.Zero && BytesPerSecond is null
                && LossRate + DuplicationRate + ReorderRate + CorruptionRate + TruncationRate == 0,
        };
    }
}
