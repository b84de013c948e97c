namespace RpcNet.LoadTest.Measuring;

/// <summary>What a client reports of one window.</summary>
internal sealed record WindowResult
{
    public required double Seconds { get; init; }

    /// <summary>Calls completed within the window.</summary>
    public required long Calls { get; init; }

    /// <summary>Stream messages within the window.</summary>
    public required long Items { get; init; }

    public required double P50Us { get; init; }

    public required double P99Us { get; init; }

    public required double P999Us { get; init; }

    public required long Errors { get; init; }

    public string? FirstError { get; init; }

    public required ProcessReading Before { get; init; }

    public required ProcessReading After { get; init; }
}
