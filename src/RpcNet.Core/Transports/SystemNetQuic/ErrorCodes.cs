namespace RpcNet.Transports.SystemNetQuic;

internal static class ErrorCodes
{
    /// <summary>RFC 9000 section 20.2: application error codes are variable-length integers.</summary>
    public static void ThrowIfInvalid(long errorCode)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(errorCode);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(errorCode, (1L << 62) - 1);
    }
}
