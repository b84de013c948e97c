using RpcNet.Transports;

namespace RpcNet.Framing;

/// <summary>Turns what ended a call into the fault that its caller sees, and back.</summary>
internal static class Faults
{
    public static RpcFaultException ToException(in FrameHeader header, in FrameExtension extension)
    {
        var status = header.Argument is > 0 and <= (uint)RpcStatusCode.Unauthenticated
            ? (RpcStatusCode)header.Argument
            : RpcStatusCode.Unknown;
        return new RpcFaultException(status, extension.Message ?? $"The call ended with {status}.", extension.Details)
        {
            MayHaveExecuted = (header.Flags & FrameFlags.NotExecuted) == 0,
            Trailers = extension.Trailers ?? RpcMetadata.Empty,
        };
    }

    public static FrameExtension ToExtension(RpcFaultException fault, RpcMetadata? trailers) => new()
    {
        Message = fault.Message,
        Details = fault.Details,
        Trailers = fault.Trailers.Count > 0 ? fault.Trailers : trailers,
    };

    public static RpcFaultException Unavailable(string message, bool mayHaveExecuted, Exception? inner = null) =>
        new(RpcStatusCode.Unavailable, message, innerException: inner) { MayHaveExecuted = mayHaveExecuted };

    public static RpcFaultException DeadlineExceeded(RpcMethod method, bool mayHaveExecuted = true) =>
        new(RpcStatusCode.DeadlineExceeded, $"The deadline of {method.FullName} passed.") { MayHaveExecuted = mayHaveExecuted };

    public static string Describe(TransportException e) => e.ApplicationErrorCode switch
    {
        RpcErrorCode.Draining => "the server is shutting down",
        RpcErrorCode.Unauthorized => "the server did not authorize this connection",
        RpcErrorCode.ApplicationProtocolNotServed => "the server does not serve this protocol",
        RpcErrorCode.LimitExceeded => "the server says that a limit was exceeded",
        RpcErrorCode.ProtocolViolation => "the server says that the protocol was violated",
        _ => e.Message,
    };
}
