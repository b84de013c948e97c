using System.Net;
using System.Net.Security;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>Whom a client may resume with: the same server, asked for under the same name, in the same client's name.</summary>
internal readonly record struct ResumptionKey(IPEndPoint Remote, string TargetHost, string Protocols, TlsIdentity? Identity)
{
    public static ResumptionKey For(TransportConnectOptions options, IPEndPoint remote, string targetHost, TlsIdentity? identity) =>
        new(remote, targetHost, string.Join(',', options.ApplicationProtocols.Select(Text)), identity);

    private static string Text(SslApplicationProtocol protocol) => Convert.ToHexString(protocol.Protocol.Span);
}

/// <summary>A session to resume.</summary>
/// <param name="Session">The session in GnuTLS's form.</param>
/// <param name="Early">What it takes to send early data; null where the server takes none or nobody asked for it.</param>
internal sealed record ResumptionTicket(byte[] Session, EarlyParameters? Early);

/// <summary>What a client remembers of a server in order to send early data (RFC 9000 section 7.4.1).</summary>
/// <param name="TransportParams">The server's transport parameters, encoded.</param>
/// <param name="Chain">The server's certificates in DER, leaf first, to be judged before anything is sent.</param>
internal sealed record EarlyParameters(byte[] TransportParams, byte[][] Chain);

/// <summary>
/// What a client keeps of its connections to shorten later ones: TLS session tickets and address validation tokens
/// (RFC 9000 section 8.1.3). Each is used once, so that an observer cannot link connections by it. Bounded; the server used
/// longest ago is forgotten first. Any thread.
/// </summary>
internal sealed class ResumptionCache(int capacity)
{
    // As many connections may resume at once; every one of them brings another ticket.
    private const int PerServer = 4;

    private readonly Lock _gate = new();
    private readonly Dictionary<ResumptionKey, LinkedListNode<Entry>> _entries = [];
    private readonly LinkedList<Entry> _byUse = new();

    public bool IsEnabled => capacity > 0;

    /// <summary>Servers of which something is kept.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _entries.Count;
            }
        }
    }

    public void AddTicket(ResumptionKey key, ResumptionTicket ticket) => Add(key, static e => e.Tickets, ticket);

    public void AddToken(ResumptionKey key, byte[] token) => Add(key, static e => e.Tokens, token);

    /// <summary>The newest ticket and the newest token, which are forgotten here; null where there is none.</summary>
    public (ResumptionTicket? Ticket, byte[]? Token) Take(ResumptionKey key)
    {
        lock (_gate)
        {
            if (!_entries.TryGetValue(key, out var node))
            {
                return default;
            }

            var entry = node.Value;
            var taken = (TakeLast(entry.Tickets), TakeLast(entry.Tokens));
            if (entry.Tickets.Count == 0 && entry.Tokens.Count == 0)
            {
                Remove(node);
            }

            return taken;
        }
    }

    private void Add<T>(ResumptionKey key, Func<Entry, List<T>> part, T item)
    {
        lock (_gate)
        {
            if (capacity == 0)
            {
                return;
            }

            if (_entries.TryGetValue(key, out var node))
            {
                _byUse.Remove(node);
            }
            else
            {
                node = new LinkedListNode<Entry>(new Entry(key));
                _entries.Add(key, node);
            }

            _byUse.AddFirst(node);
            var items = part(node.Value);
            if (items.Count == PerServer)
            {
                items.RemoveAt(0);
            }

            items.Add(item);
            if (_entries.Count > capacity)
            {
                Remove(_byUse.Last!);
            }
        }
    }

    private void Remove(LinkedListNode<Entry> node)
    {
        _entries.Remove(node.Value.Key);
        _byUse.Remove(node);
    }

    private static T? TakeLast<T>(List<T> items)
        where T : class
    {
        if (items.Count == 0)
        {
            return null;
        }

        var last = items[^1];
        items.RemoveAt(items.Count - 1);
        return last;
    }

    private sealed record Entry(ResumptionKey Key)
    {
        public List<ResumptionTicket> Tickets { get; } = [];

        public List<byte[]> Tokens { get; } = [];
    }
}
