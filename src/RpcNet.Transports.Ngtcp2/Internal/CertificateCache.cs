using System.Security.Cryptography.X509Certificates;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// Peers' certificates by their bytes: to parse one takes a third of a resumed handshake. Whether a peer is
/// accepted is judged anew each time; only those of accepted peers are kept. Bounded; the one used longest ago is
/// forgotten first, and left to the collector, since someone may be judging it. Any thread.
/// </summary>
internal sealed class CertificateCache(int capacity)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<byte[], LinkedListNode<Entry>> _entries = new(new ByContent());
    private readonly LinkedList<Entry> _byUse = new();

    private sealed record Entry(byte[] Der, X509Certificate2 Certificate);

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
            if (IsDisposed(node.Value.Certificate))
            {
                _entries.Remove(der);
                return null;
            }

            _byUse.AddFirst(node);
            return node.Value.Certificate;
        }
    }

    /// <summary>Keeps a certificate, which is disposed instead if an equal one is here.</summary>
    /// <param name="der">The certificate in DER.</param>
    /// <param name="certificate">The same, parsed.</param>
    public void Add(byte[] der, X509Certificate2 certificate)
    {
        if (IsDisposed(certificate))
        {
            return;
        }

        lock (_gate)
        {
            if (_entries.ContainsKey(der))
            {
                certificate.Dispose();
                return;
            }

            _entries.Add(der, _byUse.AddFirst(new Entry(der, certificate)));
            if (_entries.Count > capacity)
            {
                _entries.Remove(_byUse.Last!.Value.Der);
                _byUse.RemoveLast();
            }
        }
    }

    // By a validator, though it was not the validator's.
    private static bool IsDisposed(X509Certificate2 certificate) => certificate.Handle == 0;

    private sealed class ByContent : IEqualityComparer<byte[]>
    {
        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] value)
        {
            var hash = default(HashCode);
            hash.AddBytes(value);
            return hash.ToHashCode();
        }
    }
}
