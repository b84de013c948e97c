namespace RpcNet.LoadTest.Coordination;

/// <summary>What the coordinator asks of a client: one window of work.</summary>
internal sealed record WorkOrder
{
    public required WorkKind Kind { get; init; }

    public required int PayloadBytes { get; init; }

    public required int Concurrency { get; init; }

    /// <summary>Time under load before the measured window.</summary>
    public double RampSeconds { get; init; } = 0.3;

    /// <summary>The measured window.</summary>
    public required double Seconds { get; init; }

    /// <summary>The rate of a stream that is held back; 0 holds nothing back.</summary>
    public long StreamBytesPerSecond { get; init; }
}
