namespace RpcNet.Framing;

/// <summary>The varint (RFC 9000 section 16) that opens every stream.</summary>
internal static class StreamType
{
    public const long Control = 0;
    public const long Lane = 1;
    public const long Call = 2;
    public const long LargeResponse = 3;
}

/// <summary>Application error codes of streams and connections.</summary>
internal static class RpcErrorCode
{
    public const long NoError = 0;
    public const long Cancelled = 1;
    public const long ProtocolViolation = 2;
    public const long LimitExceeded = 3;
    public const long InternalError = 4;
    public const long ApplicationProtocolNotServed = 5;
    public const long Draining = 6;
    public const long Unauthorized = 7;
    public const long DeadlineExceeded = 8;
}

/// <summary>Keys of a frame's extension map.</summary>
internal static class ExtensionKey
{
    public const int TimeoutMicroseconds = 1;
    public const int TraceParent = 2;
    public const int TraceState = 3;
    public const int Metadata = 4;
    public const int Trailers = 5;
    public const int Message = 6;
    public const int Details = 7;
    public const int Codec = 8;
    public const int Method = 9;
}

/// <summary>Keys of the SETTINGS map.</summary>
internal static class SettingKey
{
    public const int MaxInlinePayloadBytes = 1;
    public const int MaxMessageBytes = 2;
    public const int MaxMetadataBytes = 3;
    public const int MaxCallsPerConnection = 4;
    public const int MaxLanes = 5;
    public const int Decompresses = 6;
}

/// <summary>Why a caller sent CANCEL.</summary>
internal static class CancelReason
{
    public const uint Cancelled = 0;
    public const uint DeadlineExceeded = 1;
}

/// <summary>Limits that the protocol fixes.</summary>
internal static class WireLimits
{
    public const int MethodsPerLane = 4096;
    public const int MethodNameBytes = 1024;
}
