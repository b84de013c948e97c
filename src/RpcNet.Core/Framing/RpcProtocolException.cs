namespace RpcNet.Framing;

/// <summary>The peer broke the protocol; the stream or the connection ends with <see cref="ErrorCode"/>.</summary>
internal sealed class RpcProtocolException(string message, long errorCode = RpcErrorCode.ProtocolViolation)
    : Exception(message)
{
    public long ErrorCode { get; } = errorCode;
}
