using System.Diagnostics.CodeAnalysis;

namespace RpcNet.Cluster.Swim;

/// <summary>
/// All members but the local one: a dictionary by id, a shuffled list of the live ones that also is the round-robin order of
/// probes, and a list of the dead ones.
/// </summary>
/// <remarks>
/// A table that starts from a <see cref="CommonView"/> has rows without an object: live members that are as the view says. They
/// become <see cref="MemberEntry"/> when somebody asks for them, and their numbers are those of the view.
/// </remarks>
internal sealed partial class MemberTable
{
    private readonly Dictionary<NodeId, MemberEntry> _byId = [];
    private readonly List<MemberEntry?> _rows = [];
    private readonly Stack<int> _freeRows = [];
    private readonly MemberRows _live;
    private readonly MemberRows _dead;
    private readonly Random _random;
    private int _cursor;
    private uint _turn;

    public MemberTable(Random random)
    {
        _random = random;
        _live = new MemberRows(this);
        _dead = new MemberRows(this);
    }

    public MemberRows Live => _live;

    public MemberRows Dead => _dead;

    /// <summary>The exclusive or of the fingerprints of all live rows.</summary>
    public ulong Fingerprint { get; private set; }

    /// <summary>Grows when a row enters or leaves the list of the living.</summary>
    public long Version { get; private set; }

    /// <summary>Who entered and left the list of the living since a mark.</summary>
    public LiveChanges Changes { get; } = new();

    /// <summary>The row of this number.</summary>
    public MemberEntry this[int number] => number < _viewCount ? OwnRowOf(number)! : _rows[number - _viewCount]!;

    public bool TryGet(NodeId id, [NotNullWhen(true)] out MemberEntry? entry)
    {
        if (_byId.TryGetValue(id, out entry))
        {
            return true;
        }

        entry = _view is not null && _view.TryGetNumber(id, out var number) ? OwnRowOf(number) : null;
        return entry is not null;
    }

    public void Add(MemberEntry entry)
    {
        _byId.Add(entry.Id, entry);
        if (_freeRows.TryPop(out var free))
        {
            _rows[free] = entry;
            entry.Number = _viewCount + free;
        }
        else
        {
            entry.Number = _viewCount + _rows.Count;
            _rows.Add(entry);
        }

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
        if (entry.Number < _viewCount)
        {
            _ownRows[entry.Number] = null;
        }
        else
        {
            _byId.Remove(entry.Id);
            _rows[entry.Number - _viewCount] = null;
            _freeRows.Push(entry.Number - _viewCount);
        }
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
                _live.Swap(i, _random.Next(i + 1));
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
            _dead.Add(entry.Number);
            return;
        }

        Fingerprint ^= entry.Record!.Fingerprint;
        Changes.Enter(entry.Id);
        AttachLive(entry.Number);
    }

    private void AttachLive(int number)
    {
        Version++;
        _live.Add(number);
        if (_cursor < _live.Count)
        {
            _live.Swap(_live.Count - 1, _random.Next(_cursor, _live.Count));
        }
    }

    private void Detach(MemberEntry entry)
    {
        if (!entry.IsLive)
        {
            _dead.RemoveAt(_dead.IndexOf(entry));
            return;
        }

        Version++;
        Changes.Leave(entry.Record!);
        var hole = _live.IndexOf(entry);
        if (hole < _cursor)
        {
            // The last row already probed fills the hole, so that no row is probed twice or skipped in this round.
            _cursor--;
            _live.Swap(hole, _cursor);
            hole = _cursor;
        }

        _live.RemoveAt(hole);
    }
}
