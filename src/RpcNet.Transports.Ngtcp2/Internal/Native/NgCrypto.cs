using System.Runtime.InteropServices;

namespace RpcNet.Transports.Ngtcp2.Internal.Native;

/// <summary>The functions of libngtcp2_crypto_gnutls that are called from here; its callbacks are passed on as raw pointers.</summary>
internal static unsafe partial class NgCrypto
{
    public const string Library = "libngtcp2_crypto_gnutls.so.8";
    public const byte TokenMagicRetry2 = 0xb7;
    public const byte TokenMagicRegular = 0x36;
    public const int MaxRetryToken = 256;
    public const int MaxRegularToken = 128;

    [LibraryImport(Library, EntryPoint = "ngtcp2_crypto_gnutls_configure_server_session")]
    public static partial int ConfigureServerSession(nint session);

    [LibraryImport(Library, EntryPoint = "ngtcp2_crypto_gnutls_configure_client_session")]
    public static partial int ConfigureClientSession(nint session);

    [LibraryImport(Library, EntryPoint = "ngtcp2_crypto_generate_stateless_reset_token")]
    public static partial int GenerateStatelessResetToken(byte* token, byte* secret, nuint secretLength, NgCid* cid);

    [LibraryImport(Library, EntryPoint = "ngtcp2_crypto_generate_retry_token2")]
    public static partial nint GenerateRetryToken(
        byte* token, byte* secret, nuint secretLength, uint version, byte* remote, uint remoteLength, NgCid* retryScid,
        NgCid* originalDcid, ulong now);

    [LibraryImport(Library, EntryPoint = "ngtcp2_crypto_verify_retry_token2")]
    public static partial int VerifyRetryToken(
        NgCid* originalDcid, byte* token, nuint tokenLength, byte* secret, nuint secretLength, uint version, byte* remote,
        uint remoteLength, NgCid* dcid, ulong timeout, ulong now);

    [LibraryImport(Library, EntryPoint = "ngtcp2_crypto_generate_regular_token")]
    public static partial nint GenerateRegularToken(
        byte* token, byte* secret, nuint secretLength, byte* remote, uint remoteLength, ulong now);

    [LibraryImport(Library, EntryPoint = "ngtcp2_crypto_verify_regular_token")]
    public static partial int VerifyRegularToken(
        byte* token, nuint tokenLength, byte* secret, nuint secretLength, byte* remote, uint remoteLength, ulong timeout, ulong now);

    [LibraryImport(Library, EntryPoint = "ngtcp2_crypto_write_retry")]
    public static partial nint WriteRetry(
        byte* dest, nuint length, uint version, NgCid* dcid, NgCid* scid, NgCid* originalDcid, byte* token, nuint tokenLength);

    [LibraryImport(Library, EntryPoint = "ngtcp2_crypto_write_connection_close")]
    public static partial nint WriteConnectionClose(
        byte* dest, nuint length, uint version, NgCid* dcid, NgCid* scid, ulong errorCode, byte* reason, nuint reasonLength);
}
