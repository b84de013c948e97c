using System.Diagnostics.CodeAnalysis;

namespace RpcNet.Cluster.Swim;

/// <summary>A row: the best that the local node knows of a member.</summary>
internal sealed class MemberEntry
{
    public MemberEntry(NodeId id, ulong generation, ulong incarnation, MemberState state, MemberRecord? record, TimeSpan now)
    {
        Id = id;
        Generation = generation;
        Incarnation = incarnation;
        State = state;
        Record = record;
        StateSince = now;
    }

    public NodeId Id { get; }

    public ulong Generation { get; set; }

    /// <summary>The incarnation that <see cref="State"/> refers to; the record's may be lower.</summary>
    public ulong Incarnation { get; set; }

    public MemberState State { get; set; }

    /// <summary>Null only for a dead member that was never seen alive.</summary>
    public MemberRecord? Record { get; set; }

    public TimeSpan StateSince { get; set; }

    /// <summary>The place in the table's list of live or dead rows.</summary>
    public int Index { get; set; } = -1;

    public bool IsLive => State <= MemberState.Suspect;

    public NodeIdentity Identity => new(Id, Generation);
}

/// <summary>
/// All members but the local one: a dictionary by id, a shuffled list of the live ones that also is the round-robin order of
/// probes, and a list of the dead ones.
/// </summary>
internal sealed class MemberTable
{
    private readonly Dictionary<NodeId, MemberEntry> _byId = [];
    private readonly List<MemberEntry> _live = [];
    private readonly List<MemberEntry> _dead = [];
    private readonly Random _random;
    private int _cursor;
    private uint _turn;

    public MemberTable(Random random) => _random = random;

    public IReadOnlyList<MemberEntry> Live => _live;

    public IReadOnlyList<MemberEntry> Dead => _dead;

    /// <summary>The exclusive or of the fingerprints of all live rows.</summary>
    public ulong Fingerprint { get; private set; }

    /// <summary>Grows when a row enters or leaves the list of the living.</summary>
    public long Version { get; private set; }

    public void Reserve(int capacity)
    {
        _byId.EnsureCapacity(capacity);
        _live.Capacity = Math.Max(_live.Capacity, capacity);
    }

    public bool TryGet(NodeId id, [NotNullWhen(true)] out MemberEntry? entry) => _byId.TryGetValue(id, out entry);

    public void Add(MemberEntry entry)
    {
        _byId.Add(entry.Id, entry);
        Attach(entry);
    }

    /// <summary>Changes a row; all changes of generation, incarnation, state and record go through here.</summary>
    public void Update(MemberEntry entry, ulong generation, ulong incarnation, MemberState state, MemberRecord? record, TimeSpan now)
    {
        var wasLive = entry.IsLive;
        var isLive = state <= MemberState.Suspect;
        if (wasLive)
        {
            Fingerprint ^= entry.Record!.Fingerprint;
        }

        if (wasLive != isLive)
        {
            Detach(entry);
        }

        if (entry.State != state || entry.Generation != generation)
        {
            entry.StateSince = now;
        }

        entry.Generation = generation;
        entry.Incarnation = incarnation;
        entry.State = state;
        entry.Record = record;
        if (wasLive != isLive)
        {
            Attach(entry);
        }
        else if (isLive)
        {
            Fingerprint ^= record!.Fingerprint;
        }
    }

    public void Remove(MemberEntry entry)
    {
        if (entry.IsLive)
        {
            Fingerprint ^= entry.Record!.Fingerprint;
        }

        Detach(entry);
        _byId.Remove(entry.Id);
    }

    /// <summary>
    /// The next live row in shuffled round-robin order: each is returned once a round, so that the time until a given member
    /// is probed is bounded by two rounds.
    /// </summary>
    public MemberEntry? NextProbeTarget()
    {
        if (_live.Count == 0)
        {
            return null;
        }

        if (_cursor >= _live.Count)
        {
            for (var i = _live.Count - 1; i > 0; i--)
            {
                Swap(i, _random.Next(i + 1));
            }

            _cursor = 0;
        }

        return _live[_cursor++];
    }

    /// <summary>Gives up to <paramref name="count"/> distinct live rows other than <paramref name="excluded"/>: at random, or in turn where there are few.</summary>
    public void PickLive(int count, List<MemberEntry> into, MemberEntry? excluded = null)
    {
        into.Clear();
        var eligible = _live.Count - (excluded is { IsLive: true } ? 1 : 0);
        count = Math.Min(count, eligible);
        if (count * 2 >= eligible)
        {
            // In turn, not at random: among few members the same ones would come up again and leave others out.
            for (var i = 0; i < _live.Count && into.Count < count; i++)
            {
                var entry = _live[(int)(_turn++ % (uint)_live.Count)];
                if (entry != excluded)
                {
                    into.Add(entry);
                }
            }

            return;
        }

        while (into.Count < count)
        {
            var entry = _live[_random.Next(_live.Count)];
            if (entry != excluded && !into.Contains(entry))
            {
                into.Add(entry);
            }
        }
    }

    private void Attach(MemberEntry entry)
    {
        if (!entry.IsLive)
        {
            entry.Index = _dead.Count;
            _dead.Add(entry);
            return;
        }

        Version++;
        Fingerprint ^= entry.Record!.Fingerprint;
        entry.Index = _live.Count;
        _live.Add(entry);
        if (_cursor < _live.Count)
        {
            Swap(entry.Index, _random.Next(_cursor, _live.Count));
        }
    }

    private void Detach(MemberEntry entry)
    {
        var list = entry.IsLive ? _live : _dead;
        var hole = entry.Index;
        if (entry.IsLive)
        {
            Version++;
            if (hole < _cursor)
            {
                // The last row already probed fills the hole, so that no row is probed twice or skipped in this round.
                _cursor--;
                Swap(hole, _cursor);
                hole = _cursor;
            }
        }

        var last = list[^1];
        list[hole] = last;
        last.Index = hole;
        list.RemoveAt(list.Count - 1);
        entry.Index = -1;
    }

    private void Swap(int a, int b)
    {
        (_live[a], _live[b]) = (_live[b], _live[a]);
        _live[a].Index = a;
        _live[b].Index = b;
    }
}
