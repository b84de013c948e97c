namespace RpcNet;

/// <summary>Limits that both sides enforce before parsing.</summary>
public sealed record RpcLimits
{
    /// <summary>The largest payload that travels inside a lane; larger ones get a stream of their own.</summary>
    /// <value>Bytes; default 16 KiB; 0 … 1 MiB.</value>
    public int InlinePayloadBytes { get; init; } = 16 * 1024;

    /// <summary>The largest message: a request, a response, or one item of a stream.</summary>
    /// <value>Bytes; default 4 MiB; 1 KiB … 1 GiB.</value>
    public int MessageBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>The largest extension of a frame: metadata, fault details, trace context.</summary>
    /// <value>Bytes; default 8 KiB; 1 KiB … 60 KiB.</value>
    public int MetadataBytes { get; init; } = 8 * 1024;

    /// <summary>Calls in flight on one connection; a server refuses more with ResourceExhausted, undispatched.</summary>
    /// <value>Default 1,024; 1 … 65,536.</value>
    public int CallsPerConnection { get; init; } = 1024;

    /// <summary>
    /// Bytes that wait in one lane for a slow peer: a client's calls wait beyond it, a server stops reading the lane.
    /// </summary>
    /// <value>Bytes; default 1 MiB; 64 KiB … 64 MiB.</value>
    public int LaneQueueBytes { get; init; } = 1024 * 1024;

    /// <summary>Lanes on one connection: a client opens as many, a server accepts up to as many.</summary>
    /// <value>Default 2; 1 … 16.</value>
    public int Lanes { get; init; } = 2;

    /// <exception cref="ArgumentOutOfRangeException">A limit is out of its range.</exception>
    internal void Validate()
    {
        Check(InlinePayloadBytes, 0, 1 << 20, nameof(InlinePayloadBytes));
        Check(MessageBytes, 1 << 10, 1 << 30, nameof(MessageBytes));
        Check(MetadataBytes, 1 << 10, 60 << 10, nameof(MetadataBytes));
        Check(CallsPerConnection, 1, 1 << 16, nameof(CallsPerConnection));
        Check(LaneQueueBytes, 64 << 10, 64 << 20, nameof(LaneQueueBytes));
        Check(Lanes, 1, 16, nameof(Lanes));
        if (InlinePayloadBytes > MessageBytes)
        {
            throw new ArgumentOutOfRangeException(
                nameof(InlinePayloadBytes), InlinePayloadBytes, $"An inline payload cannot exceed a message ({MessageBytes} bytes).");
        }
    }

    private static void Check(int value, int least, int most, string name)
    {
        if (value < least || value > most)
        {
            throw new ArgumentOutOfRangeException(name, value, $"RpcLimits.{name} must be between {least} and {most}.");
        }
    }
}
