namespace RpcNet.Cluster.Swim;

/// <summary>How the members that are alive or suspect differ from those of an earlier moment, the mark.</summary>
internal sealed class LiveChanges
{
    private readonly Dictionary<NodeId, MemberRecord> _gone = [];
    private readonly HashSet<NodeId> _added = [];
    private bool _isMarked;

    /// <summary>Members at the mark that have gone since, as they were when they went; some may be back.</summary>
    public IReadOnlyDictionary<NodeId, MemberRecord> Gone => _gone;

    /// <summary>Whether this member, live now, was so at the mark.</summary>
    public bool IsOld(NodeId id) => !_added.Contains(id);

    public void Mark()
    {
        _isMarked = true;
        _gone.Clear();
        _added.Clear();
    }

    public void Enter(NodeId id)
    {
        if (_isMarked && !_gone.ContainsKey(id))
        {
            _added.Add(id);
        }
    }

    public void Leave(MemberRecord record)
    {
        if (_isMarked && !_added.Remove(record.Id))
        {
            _gone[record.Id] = record;
        }
    }
}
