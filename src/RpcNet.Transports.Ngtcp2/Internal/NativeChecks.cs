using System.Diagnostics.CodeAnalysis;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// Checks around native code: that one thread at a time is in a connection and only while it lives, and what
/// <see cref="CheckedMemory"/> checks. On in debug builds, and where the environment sets RPCNET_NGTCP2_CHECKS to 1; 0 turns
/// them off. They cost about a tenth of the throughput. A violation ends the process, since memory is in doubt.
/// </summary>
internal static class NativeChecks
{
    /// <summary>Whether they are on. A constant to the compiler, so that they cost nothing when off.</summary>
    public static readonly bool Enabled = Environment.GetEnvironmentVariable("RPCNET_NGTCP2_CHECKS") switch
    {
        "1" => true,
        "0" => false,
        _ => IsDebugBuild,
    };

    private static bool IsDebugBuild =>
#if DEBUG
        true;
#else
        false;
#endif

    [DoesNotReturn]
    public static void Fail(string violation) => Environment.FailFast($"ngtcp2 engine, native check: {violation}");
}
