using RpcNet.Hosting.Configuration;

namespace RpcNet.Hosting;

/// <summary>Limits that both sides enforce before parsing. Configuration section <c>RpcNet:Server:Limits</c>.</summary>
public sealed class RpcNetLimitsOptions
{
    /// <summary>The largest payload in bytes that travels inside a lane; larger ones get a stream of their own.</summary>
    /// <value>0 … 1,048,576; default 16,384.</value>
    [AllowedRange(0, 1_048_576)]
    public int InlinePayloadBytes { get; set; } = 16 * 1024;

    /// <summary>The largest message in bytes: a request, a response, or one item of a stream.</summary>
    /// <value>1,024 … 1,073,741,824; default 4,194,304.</value>
    [AllowedRange(1024, 1_073_741_824)]
    public int MessageBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>The largest extension of a frame in bytes: metadata, fault details, trace context.</summary>
    /// <value>1,024 … 61,440; default 8,192.</value>
    [AllowedRange(1024, 61_440)]
    public int MetadataBytes { get; set; } = 8 * 1024;

    /// <summary>Calls in flight on one connection; a server refuses more with ResourceExhausted, undispatched.</summary>
    /// <value>1 … 65,536; default 1,024.</value>
    [AllowedRange(1, 65_536)]
    public int CallsPerConnection { get; set; } = 1024;

    /// <summary>
    /// Bytes that wait in one lane for a slow peer: a client's calls wait beyond it, a server stops reading the lane.
    /// </summary>
    /// <value>65,536 … 67,108,864; default 1,048,576.</value>
    [AllowedRange(65_536, 67_108_864)]
    public int LaneQueueBytes { get; set; } = 1024 * 1024;

    /// <summary>Lanes on one connection: a client opens as many, a server accepts up to as many.</summary>
    /// <value>1 … 16; default 2.</value>
    [AllowedRange(1, 16)]
    public int Lanes { get; set; } = 2;

    internal RpcLimits ToLimits() => new()
    {
        InlinePayloadBytes = InlinePayloadBytes,
        MessageBytes = MessageBytes,
        MetadataBytes = MetadataBytes,
        CallsPerConnection = CallsPerConnection,
        LaneQueueBytes = LaneQueueBytes,
        Lanes = Lanes,
    };
}
