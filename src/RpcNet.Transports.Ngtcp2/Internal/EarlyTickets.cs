using System.Buffers.Binary;
using System.Net.Security;
using System.Security.Cryptography;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// The session tickets that a listener has given out and would take early data with, each once (RFC 8446 section 8.1). A
/// first flight that is sent again finds its ticket gone, and so does one that reaches a listener which did not give the ticket
/// out: that of another process, or of this one after a restart. Bounded; the ticket given out longest ago is forgotten first, which
/// costs its owner a round trip. Any thread.
/// </summary>
internal sealed class EarlyTickets(IReadOnlyList<SslApplicationProtocol> protocols, TimeProvider time, int capacity = 65_536)
{
    /// <summary>How long a first flight may have been on its way beyond the time that its ticket was.</summary>
    public static readonly TimeSpan MaxDelay = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly Dictionary<UInt128, LinkedListNode<Issued>> _issued = [];
    private readonly LinkedList<Issued> _byAge = new();

    private sealed record Issued(UInt128 Key, uint AgeAdd, long At, SslApplicationProtocol Protocol);

    /// <summary>Tickets that nobody has used yet.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _issued.Count;
            }
        }
    }

    /// <summary>Notes a ticket that goes out, unless its connection's protocol takes no early data.</summary>
    public void Add(in NewSessionTicket ticket, SslApplicationProtocol protocol)
    {
        if (!protocols.Contains(protocol))
        {
            return;
        }

        var issued = new Issued(KeyOf(ticket.Ticket), ticket.AgeAdd, time.GetTimestamp(), protocol);
        lock (_gate)
        {
            if (_issued.Count == capacity)
            {
                _issued.Remove(_byAge.First!.Value.Key);
                _byAge.RemoveFirst();
            }

            if (_issued.TryAdd(issued.Key, new LinkedListNode<Issued>(issued)))
            {
                _byAge.AddLast(_issued[issued.Key]);
            }
        }
    }

    /// <summary>Takes a ticket that a client offers early data with; true the first time alone.</summary>
    /// <param name="ticket">The ticket.</param>
    /// <param name="obfuscatedAge">Its age by the client's clock, as sent (RFC 8446 section 4.2.11.1).</param>
    /// <param name="protocol">The ALPN of the connection that it was given out on.</param>
    public bool TryTake(ReadOnlySpan<byte> ticket, uint obfuscatedAge, out SslApplicationProtocol protocol)
    {
        protocol = default;
        var key = KeyOf(ticket);
        Issued issued;
        lock (_gate)
        {
            if (!_issued.Remove(key, out var node))
            {
                return false;
            }

            issued = node.Value;
            _byAge.Remove(node);
        }

        // A flight that was held back (RFC 8446 section 8.3). The client's clock began when the ticket had arrived.
        var clientAge = TimeSpan.FromMilliseconds(unchecked(obfuscatedAge - issued.AgeAdd));
        var delay = time.GetElapsedTime(issued.At) - clientAge;
        protocol = issued.Protocol;
        return delay.Duration() <= MaxDelay;
    }

    private static UInt128 KeyOf(ReadOnlySpan<byte> ticket)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(ticket, hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }
}

/// <summary>The message by which a server gives out a ticket (RFC 8446 section 4.6.1).</summary>
internal readonly ref struct NewSessionTicket
{
    private const int EarlyDataExtension = 42;

    /// <summary>What a client adds to the ticket's age in milliseconds before it sends it.</summary>
    public uint AgeAdd { get; private init; }

    public ReadOnlySpan<byte> Ticket { get; private init; }

    /// <summary>Whether the server would take early data with it.</summary>
    public bool AllowsEarlyData { get; private init; }

    public static bool TryRead(ReadOnlySpan<byte> message, out NewSessionTicket result)
    {
        // uint32 lifetime, uint32 age_add, opaque nonce<0..255>, opaque ticket<1..2^16-1>, Extension extensions<0..2^16-2>
        result = default;
        if (message.Length < 9 || message.Length < 11 + message[8])
        {
            return false;
        }

        var ageAdd = BinaryPrimitives.ReadUInt32BigEndian(message[4..]);
        var rest = message[(9 + message[8])..];
        var length = BinaryPrimitives.ReadUInt16BigEndian(rest);
        if (rest.Length < 2 + length + 2)
        {
            return false;
        }

        result = new NewSessionTicket
        {
            AgeAdd = ageAdd,
            Ticket = rest.Slice(2, length),
            AllowsEarlyData = HasEarlyData(rest[(2 + length + 2)..]),
        };
        return true;
    }

    private static bool HasEarlyData(ReadOnlySpan<byte> extensions)
    {
        while (extensions.Length >= 4)
        {
            var length = BinaryPrimitives.ReadUInt16BigEndian(extensions[2..]);
            if (BinaryPrimitives.ReadUInt16BigEndian(extensions) == EarlyDataExtension)
            {
                // QUIC has one value for it (RFC 9001 section 4.6.1).
                return length == 4 && extensions.Length >= 8 && BinaryPrimitives.ReadUInt32BigEndian(extensions[4..]) == uint.MaxValue;
            }

            if (extensions.Length < 4 + length)
            {
                return false;
            }

            extensions = extensions[(4 + length)..];
        }

        return false;
    }
}
