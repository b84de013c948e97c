using RpcNet.Transports;

namespace RpcNet.Testing.InMemory;

internal static class ErrorCodes
{
    /// <summary>RFC 9000 section 20.2: application error codes are variable-length integers.</summary>
    public static void ThrowIfInvalid(long errorCode)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(errorCode);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(errorCode, (1L << 62) - 1);
    }

    /// <summary>A new exception for each throw, since a thrown one keeps its stack trace.</summary>
    public static TransportException Again(this TransportException e) =>
        new(e.Error, e.Message, e.ApplicationErrorCode, e.InnerException);
}
