using System.Runtime.InteropServices;

namespace RpcNet.Transports.Ngtcp2.Internal.Native;

/// <summary>Loads the native libraries once and says what is missing.</summary>
internal static unsafe class NativeLibraries
{
    private static readonly Lazy<LoadResult> s_result = new(Load);

    private sealed record LoadResult(string? Reason, string? Version, int VersionNumber, nint Crypto);

    /// <summary>Why the engine cannot run here, or null.</summary>
    public static string? UnsupportedReason => s_result.Value.Reason;

    /// <summary>The version that libngtcp2 reports, or null when it is not loaded.</summary>
    public static string? Version => s_result.Value.Version;

    /// <summary>The same as 0xMMmmpp.</summary>
    public static int VersionNumber => s_result.Value.VersionNumber;

    /// <summary>The address of a function of the crypto library, to be handed to libngtcp2 as a callback.</summary>
    public static nint CryptoExport(string name) => NativeLibrary.GetExport(s_result.Value.Crypto, name);

    private static LoadResult Load()
    {
        if (!OperatingSystem.IsLinux() || sizeof(nint) != 8)
        {
            return Missing("The ngtcp2 engine runs on 64-bit Linux alone. Use System.Net.Quic here.");
        }

        nint crypto = 0;
        foreach (var name in (ReadOnlySpan<string>)[GnuTls.Library, NgApi.Library, NgCrypto.Library])
        {
            if (!NativeLibrary.TryLoad(name, out var handle))
            {
                return Missing(
                    $"The native library {name} cannot be loaded. Install it with eng/native-prerequisites.sh, or on "
                    + "Debian 13, Ubuntu 25.04 and later: apt-get install libngtcp2-16 libngtcp2-crypto-gnutls8; on Fedora: "
                    + "dnf install ngtcp2 ngtcp2-crypto-gnutls.");
            }

            crypto = handle;
        }

        var info = NgApi.Version(0);
        var version = Marshal.PtrToStringUTF8(info->VersionStr);
        return info->VersionNum < 0x010b00
            ? Missing($"The native library {NgApi.Library} is version {version}; at least 1.11.0 is needed.")
            : new LoadResult(null, version, info->VersionNum, crypto);
    }

    private static LoadResult Missing(string reason) => new(reason, null, 0, 0);
}
