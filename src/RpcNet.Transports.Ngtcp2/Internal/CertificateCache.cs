using System.Security.Cryptography.X509Certificates;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// Peers' certificates by their bytes: to parse one takes longer than the rest of a resumed handshake. Whether a peer is
/// accepted is judged anew each time; only those of accepted peers are kept. Bounded; the one used longest ago is
/// forgotten first, and left to the collector, since someone may be judging it. Any thread.
/// </summary>
internal sealed class CertificateCache(int capacity)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ReadOnlyMemory<byte>, LinkedListNode<X509Certificate2>> _entries = new(new ByContent());
    private readonly LinkedList<X509Certificate2> _byUse = new();

    /// <summary>The certificate, if it is kept here.</summary>
    /// <param name="der">The certificate in DER.</param>
    public X509Certificate2? Find(byte[] der)
    {
        lock (_gate)
        {
            if (!_entries.TryGetValue(der, out var node))
            {
                return null;
            }

            _byUse.Remove(node);
            _byUse.AddFirst(node);
            return node.Value;
        }
    }

    /// <summary>Keeps a certificate, which is disposed instead if an equal one is here.</summary>
    public void Add(X509Certificate2 certificate)
    {
        lock (_gate)
        {
            if (_entries.ContainsKey(certificate.RawDataMemory))
            {
                certificate.Dispose();
                return;
            }

            _entries.Add(certificate.RawDataMemory, _byUse.AddFirst(certificate));
            if (_entries.Count > capacity)
            {
                _entries.Remove(_byUse.Last!.Value.RawDataMemory);
                _byUse.RemoveLast();
            }
        }
    }

    private sealed class ByContent : IEqualityComparer<ReadOnlyMemory<byte>>
    {
        public bool Equals(ReadOnlyMemory<byte> x, ReadOnlyMemory<byte> y) => x.Span.SequenceEqual(y.Span);

        public int GetHashCode(ReadOnlyMemory<byte> value)
        {
            var hash = default(HashCode);
            hash.AddBytes(value.Span);
            return hash.ToHashCode();
        }
    }
}
