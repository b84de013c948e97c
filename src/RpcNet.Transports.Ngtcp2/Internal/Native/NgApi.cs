using System.Runtime.InteropServices;

namespace RpcNet.Transports.Ngtcp2.Internal.Native;

/// <summary>The functions of libngtcp2 that the engine calls. All take one connection at a time, on its loop's thread.</summary>
/// <remarks>
/// The <c>_versioned</c> functions keep the ABI of 1.x: each passes the version of the struct that this binding knows.
/// Functions that are short and never call back skip the GC transition.
/// </remarks>
internal static unsafe partial class NgApi
{
    public const string Library = "libngtcp2.so.16";
    public const int CallbacksVersion = 1;
    public const int SettingsVersion = 2;
    public const int ConnectionInfoVersion = 1;
    public const int TransportParamsVersion = 1;
    public const int PacketInfoVersion = 1;

    public const uint ProtocolVersion1 = 1;
    public const int MinInitialDatagram = 1200;

    public const int TokenTypeRetry = 1;
    public const int TokenTypeNewToken = 2;

    public const uint WriteFlagMore = 1;
    public const uint WriteFlagFin = 2;
    public const uint StreamDataFlagFin = 1;
    public const uint StreamCloseFlagErrorCodeSet = 1;

    [LibraryImport(Library, EntryPoint = "ngtcp2_version")]
    public static partial NgInfo* Version(int leastVersion);

    [LibraryImport(Library, EntryPoint = "ngtcp2_strerror")]
    public static partial nint StrError(int error);

    [LibraryImport(Library, EntryPoint = "ngtcp2_settings_default_versioned")]
    public static partial void SettingsDefault(int version, NgSettings* settings);

    [LibraryImport(Library, EntryPoint = "ngtcp2_transport_params_default_versioned")]
    public static partial void TransportParamsDefault(int version, NgTransportParams* parameters);

    [LibraryImport(Library, EntryPoint = "ngtcp2_pkt_decode_version_cid")]
    [SuppressGCTransition]
    public static partial int DecodeVersionCid(NgVersionCid* dest, byte* data, nuint length, nuint shortDcidLength);

    [LibraryImport(Library, EntryPoint = "ngtcp2_accept")]
    public static partial int Accept(NgPacketHeader* dest, byte* packet, nuint length);

    [LibraryImport(Library, EntryPoint = "ngtcp2_pkt_write_stateless_reset")]
    public static partial nint WriteStatelessReset(byte* dest, nuint length, byte* token, byte* random, nuint randomLength);

    [LibraryImport(Library, EntryPoint = "ngtcp2_pkt_write_version_negotiation")]
    public static partial nint WriteVersionNegotiation(
        byte* dest, nuint length, byte random, byte* dcid, nuint dcidLength, byte* scid, nuint scidLength, uint* versions, nuint count);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_client_new_versioned")]
    public static partial int ClientNew(
        nint* connection, NgCid* dcid, NgCid* scid, NgPath* path, uint quicVersion, int callbacksVersion, NgCallbacks* callbacks,
        int settingsVersion, NgSettings* settings, int paramsVersion, NgTransportParams* parameters, nint memory, nint userData);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_server_new_versioned")]
    public static partial int ServerNew(
        nint* connection, NgCid* dcid, NgCid* scid, NgPath* path, uint quicVersion, int callbacksVersion, NgCallbacks* callbacks,
        int settingsVersion, NgSettings* settings, int paramsVersion, NgTransportParams* parameters, nint memory, nint userData);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_del")]
    public static partial void Delete(nint connection);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_get_dcid")]
    [SuppressGCTransition]
    public static partial NgCid* GetDcid(nint connection);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_read_pkt_versioned")]
    public static partial int ReadPacket(
        nint connection, NgPath* path, int infoVersion, NgPacketInfo* info, byte* packet, nuint length, ulong now);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_writev_stream_versioned")]
    public static partial nint WriteStream(
        nint connection, NgPath* path, int infoVersion, NgPacketInfo* info, byte* dest, nuint length, nint* accepted, uint flags,
        long streamId, NgVec* data, nuint count, ulong now);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_write_connection_close_versioned")]
    public static partial nint WriteConnectionClose(
        nint connection, NgPath* path, int infoVersion, NgPacketInfo* info, byte* dest, nuint length, NgConnectionCloseError* error,
        ulong now);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_set_tls_native_handle")]
    public static partial void SetTlsHandle(nint connection, nint session);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_get_tls_alert")]
    public static partial byte GetTlsAlert(nint connection);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_set_tls_alert")]
    public static partial void SetTlsAlert(nint connection, byte alert);

    /// <returns>The peer's transport parameters; null before they have come.</returns>
    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_get_remote_transport_params")]
    public static partial nint GetRemoteTransportParams(nint connection);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_encode_0rtt_transport_params")]
    public static partial nint EncodeEarlyTransportParams(nint connection, byte* dest, nuint length);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_decode_and_set_0rtt_transport_params")]
    public static partial int SetEarlyTransportParams(nint connection, byte* data, nuint length);

    /// <summary>Forgets every stream and all that was sent on them: the server did not take early data.</summary>
    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_tls_early_data_rejected")]
    public static partial int RejectEarlyData(nint connection);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_get_streams_bidi_left")]
    [SuppressGCTransition]
    public static partial ulong GetStreamsBidirectionalLeft(nint connection);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_get_streams_uni_left")]
    [SuppressGCTransition]
    public static partial ulong GetStreamsUnidirectionalLeft(nint connection);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_set_keep_alive_timeout")]
    public static partial void SetKeepAlive(nint connection, ulong timeout);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_get_expiry")]
    [SuppressGCTransition]
    public static partial ulong GetExpiry(nint connection);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_handle_expiry")]
    public static partial int HandleExpiry(nint connection, ulong now);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_get_pto")]
    [SuppressGCTransition]
    public static partial ulong GetPto(nint connection);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_open_bidi_stream")]
    public static partial int OpenBidirectional(nint connection, long* streamId, nint userData);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_open_uni_stream")]
    public static partial int OpenUnidirectional(nint connection, long* streamId, nint userData);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_set_stream_user_data")]
    [SuppressGCTransition]
    public static partial int SetStreamUserData(nint connection, long streamId, nint userData);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_shutdown_stream_write")]
    public static partial int ShutdownStreamWrite(nint connection, uint flags, long streamId, ulong errorCode);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_shutdown_stream_read")]
    public static partial int ShutdownStreamRead(nint connection, uint flags, long streamId, ulong errorCode);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_extend_max_stream_offset")]
    public static partial int ExtendMaxStreamOffset(nint connection, long streamId, ulong bytes);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_extend_max_offset")]
    [SuppressGCTransition]
    public static partial void ExtendMaxOffset(nint connection, ulong bytes);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_extend_max_streams_bidi")]
    [SuppressGCTransition]
    public static partial void ExtendMaxStreamsBidirectional(nint connection, nuint count);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_extend_max_streams_uni")]
    [SuppressGCTransition]
    public static partial void ExtendMaxStreamsUnidirectional(nint connection, nuint count);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_get_max_data_left")]
    [SuppressGCTransition]
    public static partial ulong GetMaxDataLeft(nint connection);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_get_stream_loss_count")]
    [SuppressGCTransition]
    public static partial nuint GetStreamLossCount(nint connection, long streamId);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_get_send_quantum")]
    [SuppressGCTransition]
    public static partial nuint GetSendQuantum(nint connection);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_update_pkt_tx_time")]
    [SuppressGCTransition]
    public static partial void UpdatePacketTxTime(nint connection, ulong now);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_get_path")]
    [SuppressGCTransition]
    public static partial NgPath* GetPath(nint connection);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_get_path_max_tx_udp_payload_size")]
    [SuppressGCTransition]
    public static partial nuint GetPathMaxUdpPayload(nint connection);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_get_ccerr")]
    [SuppressGCTransition]
    public static partial NgConnectionCloseError* GetCloseError(nint connection);

    [LibraryImport(Library, EntryPoint = "ngtcp2_ccerr_set_liberr")]
    public static partial void CloseErrorSetLibrary(NgConnectionCloseError* error, int libraryError, byte* reason, nuint reasonLength);

    [LibraryImport(Library, EntryPoint = "ngtcp2_ccerr_set_tls_alert")]
    public static partial void CloseErrorSetTlsAlert(NgConnectionCloseError* error, byte alert, byte* reason, nuint reasonLength);

    [LibraryImport(Library, EntryPoint = "ngtcp2_ccerr_set_transport_error")]
    public static partial void CloseErrorSetTransport(NgConnectionCloseError* error, ulong code, byte* reason, nuint reasonLength);

    [LibraryImport(Library, EntryPoint = "ngtcp2_ccerr_set_application_error")]
    public static partial void CloseErrorSetApplication(NgConnectionCloseError* error, ulong code, byte* reason, nuint reasonLength);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_initiate_immediate_migration")]
    public static partial int InitiateImmediateMigration(nint connection, NgPath* path, ulong now);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_submit_new_token")]
    public static partial int SubmitNewToken(nint connection, byte* token, nuint length);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_initiate_key_update")]
    public static partial int InitiateKeyUpdate(nint connection, ulong now);

    [LibraryImport(Library, EntryPoint = "ngtcp2_conn_get_conn_info_versioned")]
    [SuppressGCTransition]
    public static partial void GetConnectionInfo(nint connection, int version, NgConnectionInfo* info);
}

/// <summary>The return values of libngtcp2 that the engine tells apart.</summary>
internal static class NgError
{
    public const int StreamIdBlocked = -206;
    public const int StreamDataBlocked = -208;
    public const int Crypto = -213;
    public const int StreamShutWrite = -219;
    public const int StreamNotFound = -220;
    public const int RecvVersionNegotiation = -222;
    public const int Closing = -223;
    public const int Draining = -224;
    public const int DiscardPacket = -226;
    public const int WriteMore = -230;
    public const int Retry = -231;
    public const int DropConnection = -232;
    public const int VersionNegotiation = -235;
    public const int HandshakeTimeout = -236;
    public const int IdleClose = -238;
    public const int CallbackFailure = -502;

    public static string Text(int error) =>
        System.Runtime.InteropServices.Marshal.PtrToStringUTF8(NgApi.StrError(error)) ?? $"error {error}";
}

/// <summary>Transport error codes of RFC 9000 section 20.1 and TLS alerts of RFC 8446 section 6.</summary>
internal static class QuicError
{
    public const ulong NoError = 0x0;
    public const ulong ConnectionRefused = 0x2;
    public const ulong InvalidToken = 0xb;
    public const ulong ApplicationError = 0xc;
    public const ulong CryptoFirst = 0x100;
    public const ulong CryptoLast = 0x1ff;

    public const byte AlertUnexpectedMessage = 10;
    public const byte AlertHandshakeFailure = 40;
    public const byte AlertBadCertificate = 42;
    public const byte AlertIllegalParameter = 47;
    public const byte AlertUnknownCa = 48;
    public const byte AlertAccessDenied = 49;
    public const byte AlertMissingExtension = 109;
    public const byte AlertUnrecognizedName = 112;
    public const byte AlertCertificateRequired = 116;
    public const byte AlertNoApplicationProtocol = 120;
}
