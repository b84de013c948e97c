using System.Buffers.Binary;
using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>Early data (0-RTT): which tickets allow it, and whether a server takes it.</summary>
internal sealed unsafe partial class TlsSession
{
    private const uint PreSharedKeyExtension = 41;

    // GnuTLS asks for one before it takes early data, and judges by it. The judgement is ours, by ticket; its own window is set
    // so wide that it never moves, since it refuses the tickets given out before.
    private static readonly Lazy<nint> s_antiReplay = new(CreateAntiReplay);

    // Whose hello is being read on this thread.
    [ThreadStatic]
    private static TlsSession? t_hello;

    private EarlyOffer? _offer;
    private bool _ticketAllowsEarlyData;

    // What a client brings along; only on a listener that takes early data.
    private sealed class EarlyOffer(EarlyTickets tickets)
    {
        public EarlyTickets Tickets => tickets;

        public byte[]? Ticket { get; set; }

        public uint ObfuscatedAge { get; set; }

        public SslApplicationProtocol? Protocol { get; set; }
    }

    /// <summary>Whether the server took early data. On a client meaningful when the handshake is complete.</summary>
    public bool HasEarlyData => (GnuTls.SessionGetFlags(_session) & GnuTls.SessionFlagEarlyData) != 0;

    /// <summary>The ALPN under which the ticket that allows early data was given out; null where none was brought. A server's.</summary>
    public SslApplicationProtocol? EarlyProtocol => _offer?.Protocol;

    private void AcceptEarlyData(EarlyTickets tickets)
    {
        _offer = new EarlyOffer(tickets);

        // Whatever bound there is to be is flow control's (RFC 9001 section 4.6.1).
        TlsCredentials.Check(GnuTls.SetMaxEarlyDataSize(_session, uint.MaxValue), "allow early data");
        GnuTls.AntiReplayEnable(_session, s_antiReplay.Value);
        GnuTls.SetHandshakeHook(_session, GnuTls.HandshakeAny, GnuTls.HookPre, &OnServerMessage);
    }

    private static nint CreateAntiReplay()
    {
        nint antiReplay;
        TlsCredentials.Check(GnuTls.AntiReplayInit(&antiReplay), "set up its defence against replays");
        GnuTls.AntiReplaySetWindow(antiReplay, uint.MaxValue);
        GnuTls.AntiReplaySetAddFunction(antiReplay, &OnReplayCheck);
        return antiReplay;
    }

    // A client that offers more than one ticket gets no early data: which of them counts is known only later.
    private void TakeOffer(ReadOnlySpan<byte> preSharedKeys)
    {
        if (_offer is not { } offer || preSharedKeys.Length < 4)
        {
            return;
        }

        // PskIdentity identities<7..2^16-1>, each opaque identity<1..2^16-1> and uint32 obfuscated_ticket_age
        var all = BinaryPrimitives.ReadUInt16BigEndian(preSharedKeys);
        var length = BinaryPrimitives.ReadUInt16BigEndian(preSharedKeys[2..]);
        if (all == 2 + length + 4 && preSharedKeys.Length >= 2 + all)
        {
            offer.Ticket = preSharedKeys.Slice(4, length).ToArray();
            offer.ObfuscatedAge = BinaryPrimitives.ReadUInt32BigEndian(preSharedKeys[(4 + length)..]);
        }
    }

    private bool TakeTicketOffered()
    {
        if (_offer is not { Ticket: { } ticket } offer || !offer.Tickets.TryTake(ticket, offer.ObfuscatedAge, out var protocol))
        {
            return false;
        }

        offer.Protocol = protocol;
        return true;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnServerMessage(nint session, uint type, uint when, uint incoming, GnuTlsDatum* message)
    {
        try
        {
            var owner = Of(session);
            if (type == GnuTls.HandshakeClientHello && incoming != 0)
            {
                t_hello = owner;
                owner._offer!.Ticket = null;
                _ = GnuTls.ParseExtensions((void*)session, &OnExtension, message, GnuTls.ParseClientHello);
            }
            else if (type == GnuTls.HandshakeNewSessionTicket
                && NewSessionTicket.TryRead(new ReadOnlySpan<byte>(message->Data, (int)message->Size), out var ticket))
            {
                owner._offer!.Tickets.Add(ticket, owner.ApplicationProtocol());
            }

            return 0;
        }
#pragma warning disable CA1031 // No exception may leave for native frames.
        catch (Exception)
        {
            return GnuTls.ErrorInternal;
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnExtension(void* session, uint type, byte* data, uint length)
    {
        try
        {
            if (type == PreSharedKeyExtension)
            {
                Of((nint)session).TakeOffer(new ReadOnlySpan<byte>(data, (int)length));
            }

            return 0;
        }
        catch (Exception)
        {
            return GnuTls.ErrorInternal;
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnReplayCheck(nint context, nint expiry, GnuTlsDatum* key, GnuTlsDatum* data)
    {
        try
        {
            return t_hello is { } hello && hello.TakeTicketOffered() ? 0 : GnuTls.ErrorDbEntryExists;
        }
        catch (Exception)
        {
            return GnuTls.ErrorInternal;
        }
#pragma warning restore CA1031
    }
}
