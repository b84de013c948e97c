using System.Runtime.InteropServices;

namespace RpcNet.Transports.Ngtcp2.Internal.Native;

/// <summary>The functions of GnuTLS that the engine calls.</summary>
internal static unsafe partial class GnuTls
{
    public const string Library = "libgnutls.so.30";

    public const uint FlagServer = 1;
    public const uint FlagClient = 1 << 1;
    public const uint FlagForceClientCertificate = 1 << 9;
    public const uint FlagNoTickets = 1 << 10;
    public const uint FlagKeyShareTop = 1 << 11;
    public const uint FlagEnableEarlyData = 1 << 20;
    public const uint FlagNoAutoSendTicket = 1 << 21;
    public const uint FlagNoEndOfEarlyData = 1 << 22;

    public const int CredentialsCertificate = 1;
    public const int FormatDer = 0;
    public const uint PkcsPlain = 1;
    public const int NameDns = 1;
    public const uint AlpnMandatory = 1;
    public const uint AlpnServerPrecedence = 2;
    public const uint HandshakeClientHello = 1;
    public const uint HandshakeNewSessionTicket = 4;
    public const uint HandshakeAny = uint.MaxValue;
    public const int HookBoth = -1;
    public const int HookPre = 0;
    public const int HookPost = 1;
    public const uint ParseClientHello = 1;
    public const uint SessionFlagEarlyData = 1 << 10;
    public const int TicketKeyLength = 64;
    public const int RandomNonce = 0;
    public const int RandomKey = 1;

    public const int ErrorUnrecognizedName = -294;
    public const int ErrorInternal = -59;
    public const int ErrorShortBuffer = -51;
    public const int ErrorDbEntryExists = -428;

    [LibraryImport(Library, EntryPoint = "gnutls_check_version")]
    public static partial nint CheckVersion(byte* required);

    [LibraryImport(Library, EntryPoint = "gnutls_strerror")]
    public static partial nint StrError(int error);

    [LibraryImport(Library, EntryPoint = "gnutls_rnd")]
    public static partial int Random(int level, void* data, nuint length);

    [LibraryImport(Library, EntryPoint = "gnutls_init")]
    public static partial int Init(nint* session, uint flags);

    [LibraryImport(Library, EntryPoint = "gnutls_deinit")]
    public static partial void Deinit(nint session);

    [LibraryImport(Library, EntryPoint = "gnutls_session_set_ptr")]
    public static partial void SessionSetPointer(nint session, nint pointer);

    [LibraryImport(Library, EntryPoint = "gnutls_session_get_ptr")]
    public static partial nint SessionGetPointer(nint session);

    [LibraryImport(Library, EntryPoint = "gnutls_priority_init")]
    public static partial int PriorityInit(nint* priority, byte* text, nint* errorPosition);

    [LibraryImport(Library, EntryPoint = "gnutls_priority_set")]
    public static partial int PrioritySet(nint session, nint priority);

    [LibraryImport(Library, EntryPoint = "gnutls_credentials_set")]
    public static partial int CredentialsSet(nint session, int type, nint credentials);

    [LibraryImport(Library, EntryPoint = "gnutls_certificate_allocate_credentials")]
    public static partial int CertificateAllocateCredentials(nint* credentials);

    [LibraryImport(Library, EntryPoint = "gnutls_certificate_free_credentials")]
    public static partial void CertificateFreeCredentials(nint credentials);

    [LibraryImport(Library, EntryPoint = "gnutls_certificate_set_x509_key")]
    public static partial int CertificateSetX509Key(nint credentials, nint* certificates, int count, nint key);

    [LibraryImport(Library, EntryPoint = "gnutls_certificate_server_set_request")]
    public static partial void CertificateServerSetRequest(nint session, int request);

    [LibraryImport(Library, EntryPoint = "gnutls_certificate_get_peers")]
    public static partial GnuTlsDatum* CertificateGetPeers(nint session, uint* count);

    [LibraryImport(Library, EntryPoint = "gnutls_x509_crt_init")]
    public static partial int X509CrtInit(nint* certificate);

    [LibraryImport(Library, EntryPoint = "gnutls_x509_crt_deinit")]
    public static partial void X509CrtDeinit(nint certificate);

    [LibraryImport(Library, EntryPoint = "gnutls_x509_crt_import")]
    public static partial int X509CrtImport(nint certificate, GnuTlsDatum* data, int format);

    [LibraryImport(Library, EntryPoint = "gnutls_x509_privkey_init")]
    public static partial int X509PrivateKeyInit(nint* key);

    [LibraryImport(Library, EntryPoint = "gnutls_x509_privkey_deinit")]
    public static partial void X509PrivateKeyDeinit(nint key);

    [LibraryImport(Library, EntryPoint = "gnutls_x509_privkey_import_pkcs8")]
    public static partial int X509PrivateKeyImportPkcs8(nint key, GnuTlsDatum* data, int format, byte* password, uint flags);

    [LibraryImport(Library, EntryPoint = "gnutls_alpn_set_protocols")]
    public static partial int AlpnSetProtocols(nint session, GnuTlsDatum* protocols, uint count, uint flags);

    [LibraryImport(Library, EntryPoint = "gnutls_alpn_get_selected_protocol")]
    public static partial int AlpnGetSelected(nint session, GnuTlsDatum* protocol);

    [LibraryImport(Library, EntryPoint = "gnutls_server_name_set")]
    public static partial int ServerNameSet(nint session, int type, byte* name, nuint length);

    [LibraryImport(Library, EntryPoint = "gnutls_server_name_get")]
    public static partial int ServerNameGet(nint session, byte* name, nuint* length, uint* type, uint index);

    [LibraryImport(Library, EntryPoint = "gnutls_handshake_set_post_client_hello_function")]
    public static partial void SetPostClientHello(nint session, delegate* unmanaged[Cdecl]<nint, int> function);

    [LibraryImport(Library, EntryPoint = "gnutls_handshake_set_hook_function")]
    public static partial void SetHandshakeHook(
        nint session, uint type, int when, delegate* unmanaged[Cdecl]<nint, uint, uint, uint, GnuTlsDatum*, int> function);

    [LibraryImport(Library, EntryPoint = "gnutls_session_ticket_enable_server")]
    public static partial int SessionTicketEnableServer(nint session, GnuTlsDatum* key);

    [LibraryImport(Library, EntryPoint = "gnutls_session_ticket_send")]
    public static partial int SessionTicketSend(nint session, uint count, uint flags);

    [LibraryImport(Library, EntryPoint = "gnutls_session_get_data")]
    public static partial int SessionGetData(nint session, void* data, nuint* length);

    [LibraryImport(Library, EntryPoint = "gnutls_session_set_data")]
    public static partial int SessionSetData(nint session, void* data, nuint length);

    [LibraryImport(Library, EntryPoint = "gnutls_session_is_resumed")]
    public static partial int SessionIsResumed(nint session);

    [LibraryImport(Library, EntryPoint = "gnutls_session_get_flags")]
    public static partial uint SessionGetFlags(nint session);

    [LibraryImport(Library, EntryPoint = "gnutls_record_set_max_early_data_size")]
    public static partial int SetMaxEarlyDataSize(nint session, nuint size);

    [LibraryImport(Library, EntryPoint = "gnutls_anti_replay_init")]
    public static partial int AntiReplayInit(nint* antiReplay);

    [LibraryImport(Library, EntryPoint = "gnutls_anti_replay_set_window")]
    public static partial void AntiReplaySetWindow(nint antiReplay, uint milliseconds);

    [LibraryImport(Library, EntryPoint = "gnutls_anti_replay_set_add_function")]
    public static partial void AntiReplaySetAddFunction(
        nint antiReplay, delegate* unmanaged[Cdecl]<nint, nint, GnuTlsDatum*, GnuTlsDatum*, int> function);

    [LibraryImport(Library, EntryPoint = "gnutls_anti_replay_enable")]
    public static partial void AntiReplayEnable(nint session, nint antiReplay);

    [LibraryImport(Library, EntryPoint = "gnutls_ext_raw_parse")]
    public static partial int ParseExtensions(
        void* context, delegate* unmanaged[Cdecl]<void*, uint, byte*, uint, int> function, GnuTlsDatum* message, uint flags);

    public static string Text(int error) => Marshal.PtrToStringUTF8(StrError(error)) ?? $"error {error}";
}
