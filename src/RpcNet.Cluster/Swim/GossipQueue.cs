namespace RpcNet.Cluster.Swim;

/// <summary>
/// News waiting to be sent along: at most one piece for each member, newer replacing older. What was sent the fewest times goes
/// first; among equals changes of life and death before descriptions, and newer before older.
/// </summary>
internal sealed class GossipQueue
{
    private readonly Dictionary<NodeId, Item> _items = [];
    private readonly List<List<Item>> _levels = [];
    private readonly List<Item> _skipped = [];
    private readonly List<Item> _taken = [];
    private int _slots;

    public int Count => _items.Count;

    public void Add(MemberUpdate update)
    {
        if (_items.TryGetValue(update.Subject.Id, out var old))
        {
            old.Replaced = true;
        }

        var item = new Item(update, update.State == MemberState.Alive ? 1 : 0);
        _items[update.Subject.Id] = item;
        Push(item);
    }

    /// <summary>The piece of news about a member that still is to be sent, if any.</summary>
    public MemberUpdate? Find(NodeId id) => _items.TryGetValue(id, out var item) ? item.Update : null;

    public void Remove(NodeId id)
    {
        if (_items.Remove(id, out var old))
        {
            old.Replaced = true;
        }
    }

    /// <summary>Adds what fits into <paramref name="bytes"/> and counts it as sent once more.</summary>
    /// <returns>The bytes left.</returns>
    public int Take(int bytes, int limit, List<MemberUpdate> into)
    {
        for (var level = 0; level < _levels.Count && bytes > 0 && _items.Count > 0; level++)
        {
            var list = _levels[level];
            while (list.Count > 0 && _skipped.Count < 8)
            {
                var item = list[^1];
                list.RemoveAt(list.Count - 1);
                _slots--;
                if (item.Replaced)
                {
                    continue;
                }

                if (item.Update.WireSize > bytes)
                {
                    _skipped.Add(item);
                    continue;
                }

                bytes -= item.Update.WireSize;
                into.Add(item.Update);
                _taken.Add(item);
            }

            for (var i = _skipped.Count - 1; i >= 0; i--)
            {
                list.Add(_skipped[i]);
                _slots++;
            }

            _skipped.Clear();
        }

        foreach (var item in _taken)
        {
            item.Level += 2;
            if (item.Level / 2 >= limit)
            {
                _items.Remove(item.Update.Subject.Id);
                item.Replaced = true;
            }
            else
            {
                Push(item);
            }
        }

        _taken.Clear();
        return bytes;
    }

    private void Push(Item item)
    {
        while (_levels.Count <= item.Level)
        {
            _levels.Add([]);
        }

        _levels[item.Level].Add(item);
        if (++_slots > (2 * _items.Count) + 64)
        {
            // Replaced pieces leave their places when they are come across; a queue that is rarely drained must not grow by them.
            _slots = 0;
            foreach (var list in _levels)
            {
                list.RemoveAll(static i => i.Replaced);
                _slots += list.Count;
            }
        }
    }

    private sealed class Item(MemberUpdate update, int level)
    {
        public MemberUpdate Update { get; } = update;

        /// <summary>Twice the times sent, plus one for descriptions.</summary>
        public int Level { get; set; } = level;

        public bool Replaced { get; set; }
    }
}
