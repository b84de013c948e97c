using System.Net;

namespace RpcNet.Cluster.Swim;

/// <summary>
/// A view that many tables of one process start from: each table keeps only its own order and the rows in which it differs, so that
/// thousands of simulated nodes that know each other fit into memory. Immutable but for a cache; its tables are used by one thread.
/// </summary>
internal sealed class CommonView
{
    private readonly MemberRecord[] _records;
    private readonly ulong[] _ringHashes;
    private readonly Dictionary<NodeId, int> _numbers;
    private readonly Dictionary<IPEndPoint, int> _byAddress;
    private readonly ulong[] _ring;
    private readonly int[] _ringNumbers;
    private ulong[] _buckets = [];

    public CommonView(IReadOnlyList<MemberRecord> records)
    {
        _records = [.. records];
        _numbers = new Dictionary<NodeId, int>(_records.Length);
        _byAddress = new Dictionary<IPEndPoint, int>(_records.Length);
        for (var i = 0; i < _records.Length; i++)
        {
            _numbers.Add(_records[i].Id, i);
            _byAddress.TryAdd(_records[i].Address, i);
            Fingerprint ^= _records[i].Fingerprint;
        }

        _ringHashes = [.. _records.Select(static r => r.RingHash)];
        _ring = [.. _ringHashes];
        _ringNumbers = [.. Enumerable.Range(0, _records.Length)];
        Array.Sort(_ring, _ringNumbers);
    }

    public int Count => _records.Length;

    /// <summary>The exclusive or of all records' fingerprints.</summary>
    public ulong Fingerprint { get; }

    public MemberRecord this[int number] => _records[number];

    public ulong RingHashOf(int number) => _ringHashes[number];

    public bool TryGetNumber(NodeId id, out int number) => _numbers.TryGetValue(id, out number);

    public bool TryGetNumber(IPEndPoint address, out int number) => _byAddress.TryGetValue(address, out number);

    /// <summary>The number of the member at a place of the ring; places go on round it in both directions.</summary>
    public int AtPlace(int place) => _ringNumbers[((place % _ringNumbers.Length) + _ringNumbers.Length) % _ringNumbers.Length];

    /// <summary>The first place on the ring whose hash is not below this one, or the number of places when there is none.</summary>
    public int PlaceOf(ulong hash)
    {
        var place = Array.BinarySearch(_ring, hash);
        return place < 0 ? ~place : place;
    }

    /// <summary>The fingerprints of all records, by bucket.</summary>
    public ReadOnlySpan<ulong> Buckets(int count)
    {
        if (_buckets.Length != count)
        {
            _buckets = new ulong[count];
            foreach (var record in _records)
            {
                _buckets[record.RingHash & (ulong)(count - 1)] ^= record.Fingerprint;
            }
        }

        return _buckets;
    }
}
