using System.Net;

namespace RpcNet.Cluster.Swim;

/// <summary>The view that a table may start from, and what would need all rows but can be had from the view and the differences.</summary>
internal sealed partial class MemberTable
{
    private readonly List<(ulong Distance, MemberEntry Entry)> _nearest = [];
    private readonly Dictionary<int, MemberEntry?> _ownRows = [];
    private CommonView? _view;
    private TimeSpan _viewSince;
    private int _viewCount;

    /// <summary>Starts from a view, without the local node. The table must be empty.</summary>
    public void StartFrom(CommonView view, NodeId local, TimeSpan now)
    {
        if (_live.Count > 0 || _dead.Count > 0 || _view is not null)
        {
            throw new InvalidOperationException("The table is in use already.");
        }

        _view = view;
        _viewSince = now;
        _viewCount = view.Count;
        _live.Reserve(view.Count);
        Fingerprint = view.Fingerprint;
        for (var number = 0; number < view.Count; number++)
        {
            if (view[number].Id == local)
            {
                Fingerprint ^= view[number].Fingerprint;
                _ownRows.Add(number, null);
            }
            else
            {
                AttachLive(number);
            }
        }
    }

    /// <summary>The live row of this address, or null.</summary>
    public MemberEntry? FindLive(IPEndPoint address)
    {
        if (_view is not null)
        {
            if (_view.TryGetNumber(address, out var number) && OwnRowOf(number) is { IsLive: true } row && row.Record!.Address.Equals(address))
            {
                return row;
            }

            foreach (var own in _ownRows.Values)
            {
                if (own is { IsLive: true } && own.Record!.Address.Equals(address))
                {
                    return own;
                }
            }
        }

        foreach (var row in _rows)
        {
            if (row is { IsLive: true } && row.Record!.Address.Equals(address))
            {
                return row;
            }
        }

        return null;
    }

    /// <summary>The records of the live rows.</summary>
    public IEnumerable<MemberRecord> LiveRecords()
    {
        for (var i = 0; i < _live.Count; i++)
        {
            var number = _live.Numbers[i];
            yield return number < _viewCount && !_ownRows.ContainsKey(number) ? _view![number] : this[number].Record!;
        }
    }

    /// <summary>The live rows that are in one of these parts of the table, by their place on the ring.</summary>
    public IEnumerable<MemberEntry> LiveWhere(Predicate<ulong> ringHash)
    {
        for (var i = 0; i < _live.Count; i++)
        {
            var number = _live.Numbers[i];
            if (ringHash(number < _viewCount ? _view!.RingHashOf(number) : _rows[number - _viewCount]!.Record!.RingHash))
            {
                yield return this[number];
            }
        }
    }

    /// <summary>Adds the fingerprints of the live rows to those of their parts of the table.</summary>
    public void AddFingerprints(ulong[] buckets)
    {
        var mask = (ulong)(buckets.Length - 1);
        if (_view is not null)
        {
            var common = _view.Buckets(buckets.Length);
            for (var i = 0; i < buckets.Length; i++)
            {
                buckets[i] ^= common[i];
            }

            foreach (var (number, row) in _ownRows)
            {
                var record = row is { IsLive: true } ? row.Record : null;
                buckets[_view.RingHashOf(number) & mask] ^= _view[number].Fingerprint ^ (record?.Fingerprint ?? 0);
            }
        }

        foreach (var row in _rows)
        {
            if (row is { IsLive: true })
            {
                buckets[row.Record!.RingHash & mask] ^= row.Record.Fingerprint;
            }
        }
    }

    /// <summary>The live rows nearest to a place on the ring, in one direction, nearest first.</summary>
    public void Nearest(ulong origin, bool forwards, int count, List<MemberEntry> into, MemberEntry? excluded = null)
    {
        _nearest.Clear();
        if (_view is not null)
        {
            NearestOfView(origin, forwards, count, excluded);
        }

        foreach (var row in _rows)
        {
            if (row is { IsLive: true } && row != excluded)
            {
                InsertNearest(row, row.Record!.RingHash, origin, forwards, count);
            }
        }

        into.Clear();
        foreach (var (_, entry) in _nearest)
        {
            into.Add(entry);
        }
    }

    private void NearestOfView(ulong origin, bool forwards, int count, MemberEntry? excluded)
    {
        var place = _view!.PlaceOf(origin);
        if (!forwards && (place == _viewCount || _view.RingHashOf(_view.AtPlace(place)) != origin))
        {
            place--;
        }

        for (var i = 0; i < _viewCount && _nearest.Count < count; i++)
        {
            var number = _view.AtPlace(forwards ? place + i : place - i);
            if (OwnRowOf(number) is { IsLive: true } row && row != excluded)
            {
                InsertNearest(row, _view.RingHashOf(number), origin, forwards, count);
            }
        }
    }

    private void InsertNearest(MemberEntry entry, ulong hash, ulong origin, bool forwards, int count)
    {
        var distance = forwards ? hash - origin : origin - hash;
        if (_nearest.Count == count)
        {
            if (count == 0 || distance >= _nearest[^1].Distance)
            {
                return;
            }

            _nearest.RemoveAt(count - 1);
        }

        var at = _nearest.Count;
        while (at > 0 && _nearest[at - 1].Distance > distance)
        {
            at--;
        }

        _nearest.Insert(at, (distance, entry));
    }

    /// <summary>The row of a member of the view, or null when the table has none any more.</summary>
    private MemberEntry? OwnRowOf(int number)
    {
        if (!_ownRows.TryGetValue(number, out var row))
        {
            var record = _view![number];
            row = new MemberEntry(record.Id, record.Generation, record.Incarnation, MemberState.Alive, record, _viewSince) { Number = number };
            _ownRows.Add(number, row);
        }

        return row;
    }
}
