using System.Net;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// The GnuTLS session of one connection. Freed after the connection in libngtcp2, together with the reference through
/// which the crypto library finds that connection.
/// </summary>
internal sealed unsafe partial class TlsSession
{
    // More than a ticket with a long chain of certificates takes; a larger one is not kept.
    private const int MaxTicket = 32 << 10;

    private readonly Reference* _reference;
    private readonly TlsServerOptions? _server;
    private readonly TicketKeys? _ticketKeys;
    private readonly Action<ReceivedTicket>? _ticketReceived;
    private TlsCredentials? _credentials;
    private bool _referenced;
    private nint _session;

    // The crypto library reads the head; the rest is ours.
    private struct Reference
    {
        public NgCryptoConnRef Head;
        public nint Owner;
    }

    private TlsSession(uint flags, TlsServerOptions? server, TicketKeys? ticketKeys, Action<ReceivedTicket>? ticketReceived)
    {
        _server = server;
        _ticketKeys = ticketKeys;
        _ticketReceived = ticketReceived;
        flags |= ticketKeys is null && ticketReceived is null ? GnuTls.FlagNoTickets : 0;
        nint session;
        TlsCredentials.Check(GnuTls.Init(&session, flags | GnuTls.FlagNoEndOfEarlyData), "start a session");
        _session = session;
        _reference = (Reference*)NativeMemory.AllocZeroed((nuint)sizeof(Reference));
        _reference->Head.GetConn = &GetConnection;
        _reference->Owner = GCHandle.ToIntPtr(GCHandle.Alloc(this));
        GnuTls.SessionSetPointer(session, (nint)_reference);
    }

    public nint Handle => _session;

    /// <summary>Why the server refused a handshake that it never got to judge, for its log.</summary>
    public string? Refusal { get; private set; }

    /// <summary>Whether the handshake took up an earlier session instead of exchanging certificates.</summary>
    public bool IsResumed => GnuTls.SessionIsResumed(_session) != 0;

    /// <param name="options">The listener's options.</param>
    /// <param name="ticketKeys">What tickets are encrypted with; null issues none and resumes nothing.</param>
    /// <param name="earlyTickets">The tickets that allow early data; null takes none.</param>
    public static TlsSession CreateServer(TransportListenerOptions options, TicketKeys? ticketKeys, EarlyTickets? earlyTickets)
    {
        // Tickets go out once the client is accepted, not before.
        var flags = GnuTls.FlagServer | GnuTls.FlagNoAutoSendTicket | (earlyTickets is null ? 0 : GnuTls.FlagEnableEarlyData);
        var result = new TlsSession(flags, options.Tls, ticketKeys, ticketReceived: null);
        try
        {
            if (earlyTickets is not null)
            {
                result.AcceptEarlyData(earlyTickets);
            }

            result.Configure(options.ApplicationProtocols, GnuTls.AlpnMandatory);
            GnuTls.CertificateServerSetRequest(result._session, options.Tls.ClientCertificates switch
            {
                ClientCertificateMode.None => 0,
                ClientCertificateMode.Requested => 1,
                _ => 2,
            });
            GnuTls.SetPostClientHello(result._session, &OnClientHello);
            TlsCredentials.Check(NgCrypto.ConfigureServerSession(result._session), "configure the session");
            return result;
        }
        catch
        {
            result.Free();
            throw;
        }
    }

    /// <param name="options">The connection's options.</param>
    /// <param name="targetHost">The name to ask for.</param>
    /// <param name="identity">The client's certificate, or null.</param>
    /// <param name="ticket">An earlier session to resume, or null.</param>
    /// <param name="earlyData">Whether to offer early data with the ticket, which must allow it.</param>
    /// <param name="ticketReceived">Takes each ticket of the server; null wants none. Called on the loop's thread.</param>
    public static TlsSession CreateClient(
        TransportConnectOptions options, string targetHost, TlsIdentity? identity, byte[]? ticket, bool earlyData,
        Action<ReceivedTicket>? ticketReceived)
    {
        var flags = GnuTls.FlagClient | GnuTls.FlagForceClientCertificate | GnuTls.FlagKeyShareTop
            | (earlyData ? GnuTls.FlagEnableEarlyData : 0);
        var result = new TlsSession(flags, server: null, ticketKeys: null, ticketReceived);
        try
        {
            result.Configure(options.ApplicationProtocols, GnuTls.AlpnMandatory);
            result.SetCredentials(identity is null ? TlsCredentials.Anonymous : TlsCredentials.For(identity));
            if (!IPAddress.TryParse(targetHost, out _))
            {
                var name = Encoding.ASCII.GetBytes(targetHost.TrimEnd('.'));
                fixed (byte* text = name)
                {
                    TlsCredentials.Check(
                        GnuTls.ServerNameSet(result._session, GnuTls.NameDns, text, (nuint)name.Length), "set the server's name");
                }
            }

            TlsCredentials.Check(NgCrypto.ConfigureClientSession(result._session), "configure the session");
            result.PrepareResumption(ticket, options.EarlyData);
            return result;
        }
        catch
        {
            result.Free();
            throw;
        }
    }

    /// <summary>Ties the session to its connection in libngtcp2.</summary>
    public void Attach(nint connection)
    {
        _reference->Head.UserData = connection;
        NgApi.SetTlsHandle(connection, _session);
    }

    /// <summary>Gives the client a ticket with which it may resume. Does nothing where tickets are off.</summary>
    /// <returns>0, or the error of GnuTLS.</returns>
    public int SendTicket() => _ticketKeys is null ? 0 : GnuTls.SessionTicketSend(_session, 1, 0);

    public SslApplicationProtocol ApplicationProtocol()
    {
        GnuTlsDatum datum;
        return GnuTls.AlpnGetSelected(_session, &datum) == 0
            ? new SslApplicationProtocol(new ReadOnlySpan<byte>(datum.Data, (int)datum.Size).ToArray())
            : default;
    }

    /// <summary>The peer's certificates in DER, leaf first; empty when it sent none.</summary>
    public byte[][] PeerCertificates()
    {
        uint count;
        var list = GnuTls.CertificateGetPeers(_session, &count);
        if (list is null || count == 0)
        {
            return [];
        }

        var result = new byte[count][];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = new ReadOnlySpan<byte>(list[i].Data, (int)list[i].Size).ToArray();
        }

        return result;
    }

    public void Free()
    {
        if (_session == 0)
        {
            return;
        }

        GnuTls.Deinit(_session);
        _session = 0;
        _offer = null;
        GCHandle.FromIntPtr(_reference->Owner).Free();
        NativeMemory.Free(_reference);
        if (_referenced)
        {
            _credentials!.DangerousRelease();
        }
    }

    private void Configure(IReadOnlyList<SslApplicationProtocol> protocols, uint flags)
    {
        TlsCredentials.Check(GnuTls.PrioritySet(_session, TlsCredentials.Priority), "set the priorities");
        var total = 0;
        foreach (var protocol in protocols)
        {
            total += protocol.Protocol.Length;
        }

        Span<byte> bytes = stackalloc byte[total];
        var list = stackalloc GnuTlsDatum[protocols.Count];
        fixed (byte* start = bytes)
        {
            var offset = 0;
            for (var i = 0; i < protocols.Count; i++)
            {
                var protocol = protocols[i].Protocol.Span;
                protocol.CopyTo(bytes[offset..]);
                list[i] = new GnuTlsDatum { Data = start + offset, Size = (uint)protocol.Length };
                offset += protocol.Length;
            }

            TlsCredentials.Check(GnuTls.AlpnSetProtocols(_session, list, (uint)protocols.Count, flags), "set the ALPNs");
        }
    }

    private void SetCredentials(TlsCredentials credentials)
    {
        credentials.DangerousAddRef(ref _referenced);
        _credentials = credentials;
        TlsCredentials.Check(
            GnuTls.CredentialsSet(_session, GnuTls.CredentialsCertificate, credentials.DangerousGetHandle()), "set the credentials");
    }

    private int SelectIdentity()
    {
        var identity = _server!.SelectIdentity(ServerName());
        if (identity is null)
        {
            Refusal = $"no certificate for the name '{ServerName()}'";
            return GnuTls.ErrorUnrecognizedName;
        }

        SetCredentials(TlsCredentials.For(identity));
        return _ticketKeys is null ? 0 : EnableTickets(identity);
    }

    private void PrepareResumption(byte[]? ticket, bool earlyData)
    {
        if (_ticketReceived is not null)
        {
            GnuTls.SetHandshakeHook(_session, GnuTls.HandshakeNewSessionTicket, earlyData ? GnuTls.HookBoth : GnuTls.HookPost, &OnTicket);
        }

        fixed (byte* data = ticket)
        {
            if (data is not null)
            {
                // One that GnuTLS cannot read any more only costs the full handshake.
                _ = GnuTls.SessionSetData(_session, data, (nuint)ticket!.Length);
            }
        }
    }

    // Extensions are read in two passes, and the ticket is looked at in the second, after this.
    private int EnableTickets(TlsIdentity identity)
    {
        Span<byte> key = stackalloc byte[GnuTls.TicketKeyLength];
        _ticketKeys!.Derive(identity, _server!.ClientCertificates, key);
        fixed (byte* data = key)
        {
            var datum = new GnuTlsDatum { Data = data, Size = (uint)key.Length };
            var result = GnuTls.SessionTicketEnableServer(_session, &datum);
            CryptographicOperations.ZeroMemory(key);
            return result;
        }
    }

    private void TakeTicket()
    {
        var data = stackalloc byte[MaxTicket];
        nuint length = MaxTicket;
        if (GnuTls.SessionGetData(_session, data, &length) == 0)
        {
            _ticketReceived!(new ReceivedTicket(new ReadOnlySpan<byte>(data, (int)length).ToArray(), _ticketAllowsEarlyData));
        }
    }

    private string? ServerName()
    {
        var name = stackalloc byte[256];
        nuint length = 256;
        uint type;
        return GnuTls.ServerNameGet(_session, name, &length, &type, 0) == 0 && type == GnuTls.NameDns
            ? Encoding.ASCII.GetString(name, (int)length).TrimEnd('\0')
            : null;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint GetConnection(NgCryptoConnRef* reference) => reference->UserData;

    private static TlsSession Of(nint session) =>
        (TlsSession)GCHandle.FromIntPtr(((Reference*)GnuTls.SessionGetPointer(session))->Owner).Target!;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnTicket(nint session, uint type, uint when, uint incoming, GnuTlsDatum* message)
    {
        try
        {
            // Before it is taken in the message is whole; after that GnuTLS has a session to give.
            if (when == GnuTls.HookPre)
            {
                Of(session)._ticketAllowsEarlyData =
                    NewSessionTicket.TryRead(new ReadOnlySpan<byte>(message->Data, (int)message->Size), out var ticket)
                    && ticket.AllowsEarlyData;
            }
            else
            {
                Of(session).TakeTicket();
            }

            return 0;
        }
#pragma warning disable CA1031 // No exception may leave for native frames.
        catch (Exception)
#pragma warning restore CA1031
        {
            return GnuTls.ErrorInternal;
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnClientHello(nint session)
    {
        TlsSession? owner = null;
        try
        {
            owner = Of(session);
            // A second hello after HelloRetryRequest finds the identity chosen.
            return owner._credentials is null ? owner.SelectIdentity() : 0;
        }
#pragma warning disable CA1031 // No exception may leave for native frames.
        catch (Exception e)
#pragma warning restore CA1031
        {
            if (owner is not null)
            {
                owner.Refusal = $"the identity cannot be used: {e.Message}";
            }

            return GnuTls.ErrorInternal;
        }
    }
}

/// <summary>A ticket as a client has it of a server.</summary>
/// <param name="Session">The session in GnuTLS's form.</param>
/// <param name="AllowsEarlyData">Whether the server would take early data with it.</param>
internal readonly record struct ReceivedTicket(byte[] Session, bool AllowsEarlyData);
