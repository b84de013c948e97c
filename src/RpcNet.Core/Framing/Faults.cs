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

    /// <summary>Writes what travels with a fault; what exceeds the peer's limit is left out, details and trailers first.</summary>
    public static void WriteExtension(RpcFaultException fault, RpcMetadata? trailers, int maxBytes, PooledBufferWriter output)
    {
        var start = output.Count;
        new FrameExtension
        {
            Message = fault.Message,
            Details = fault.Details,
            Trailers = fault.Trailers.Count > 0 ? fault.Trailers : trailers,
        }.Write(output);
        if (output.Count - start <= maxBytes)
        {
            return;
        }

        output.Truncate(start);
        const string Note = " (details and trailers exceed the caller's limit and were left out)";
        var room = Math.Max(0, (maxBytes - Note.Length - 16) / 3);
        var message = fault.Message.Length > room ? fault.Message[..room] : fault.Message;
        new FrameExtension { Message = message + Note }.Write(output);
        if (output.Count - start > maxBytes)
        {
            output.Truncate(start);
        }
    }

    /// <summary>The request could not be written, and so was not sent.</summary>
    public static RpcFaultException RequestFailure(RpcMethod method, Exception e) => e is RpcFaultException fault
        ? new RpcFaultException(fault.Status, fault.Message, fault.Details, fault.InnerException) { MayHaveExecuted = false }
        : new RpcFaultException(RpcStatusCode.InvalidArgument, $"The arguments of {method.FullName} cannot be written: {e.Message}", innerException: e)
        {
            MayHaveExecuted = false,
        };

    public static RpcFaultException MessageTooLarge(int bytes, int limit) =>
        new(RpcStatusCode.ResourceExhausted, $"A message of {bytes} bytes exceeds the limit of {limit}.");

    public static RpcFaultException MetadataTooLarge(int bytes, int limit) =>
        new(RpcStatusCode.ResourceExhausted, $"The metadata takes {bytes} bytes; the limit is {limit}.") { MayHaveExecuted = false };

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
        _ => e.Message.TrimEnd('.'),
    };
}
