using System.Collections.Immutable;
using System.Net;
using RpcNet.Cluster.Swim;

namespace RpcNet.Cluster;

/// <summary>What the state machine wants done.</summary>
public sealed partial class ClusterNode : ISwimEffects
{
    private static readonly TimeSpan RefusalLogInterval = TimeSpan.FromSeconds(10);

    private readonly List<ClusterEvent> _events = [];
    private readonly Dictionary<NodeId, (MemberRecord Record, MemberState State, ClusterMember Member)> _known = [];
    private TimeSpan _nextRefusalLog = TimeSpan.MinValue;
    private bool _viewChanged;

    void ISwimEffects.Send(IPEndPoint to, SwimMessage message) => _connections.Send(to, SwimCodec.Encode(message));

    bool ISwimEffects.IsHeldUp(IPEndPoint to) => _connections.IsHeldUp(to);

    void ISwimEffects.Changed(MemberEntry entry) => _viewChanged = true;

    void ISwimEffects.ResolveSeeds()
    {
        var seeds = Seeds();
        if (_resolving.IsCompleted && !_stop.IsCancellationRequested)
        {
            _resolving = Task.Run(() => ResolveSeedsAsync(seeds));
        }
    }

    void ISwimEffects.Refused(IPEndPoint? peer, string reason)
    {
        var now = Now;
        if (now >= _nextRefusalLog)
        {
            _nextRefusalLog = now + RefusalLogInterval;
            ClusterLog.Refused(_logger, peer, reason);
        }
    }

    void ISwimEffects.Notify(in SwimEvent e)
    {
        var at = _time.GetUtcNow();
        switch (e.Kind)
        {
            case SwimEventKind.Joined:
                var joined = MemberOf(e.Record!, MemberState.Alive);
                ClusterLog.Joined(_logger, joined.Name, joined.Address);
                _events.Add(new NodeJoined(at, joined));
                break;
            case SwimEventKind.Left:
                var left = MemberOf(e.Record!, MemberState.Left);
                ClusterLog.Left(_logger, left.Name);
                _events.Add(new NodeLeft(at, left));
                break;
            case SwimEventKind.Failed:
                var failed = MemberOf(e.Record!, MemberState.Failed);
                ClusterLog.Failed(_logger, failed.Name);
                _connections.Forget(failed.Address);
                _events.Add(new NodeFailed(at, failed));
                break;
            case SwimEventKind.Suspected:
                var suspect = MemberOf(e.Record!, MemberState.Suspect);
                ClusterLog.Suspected(_logger, suspect.Name, e.Accuser, e.Phi);
                _events.Add(new NodeSuspect(at, suspect, e.Accuser, e.Phi));
                break;
            case SwimEventKind.Recovered:
                var recovered = MemberOf(e.Record!, MemberState.Alive);
                ClusterLog.Recovered(_logger, recovered.Name);
                _events.Add(new NodeRecovered(at, recovered));
                break;
            case SwimEventKind.TagsChanged:
                var changed = MemberOf(e.Record!, MemberState.Alive);
                ClusterLog.TagsChanged(_logger, changed.Name);
                _events.Add(new TagsChanged(at, changed, e.PreviousTags!));
                break;
            case SwimEventKind.LocalChanged:
                var previous = _local.Tags;
                _viewChanged = true;
                if (!SwimMachine.SameTags(previous, e.Record!.Tags))
                {
                    _events.Add(new TagsChanged(at, MemberOf(e.Record, MemberState.Alive) with { IsLocal = true }, previous));
                }

                break;
            case SwimEventKind.Conflict:
                ClusterLog.Conflict(
                    _logger,
                    _id,
                    e.Address,
                    e.Favourable ? "that one falls silent" : "this node falls silent until that one is gone");
                _events.Add(new NodeIdConflict(at, _local, e.Address!, e.Favourable));
                break;
            case SwimEventKind.SeedAnswered:
                ClusterLog.SeedAnswered(_logger);
                _seedAnswered.TrySetResult();
                break;
            case SwimEventKind.LeaveCompleted:
                _left.TrySetResult(e.Favourable);
                break;
            case SwimEventKind.Paused:
                ClusterLog.Paused(_logger, e.Duration);
                break;
            case SwimEventKind.PartitionDetected:
                ClusterLog.Partitioned(_logger, e.Near.Length, e.Far.Length, e.Favourable ? "keeps the quorum" : "has no quorum");
                _events.Add(new PartitionDetected(at, MembersOf(e.Near, MemberState.Alive), MembersOf(e.Far, MemberState.Failed), e.Favourable));
                break;
            case SwimEventKind.PartitionHealed:
                ClusterLog.Healed(_logger, e.Near.Length, e.Far.Length);
                _events.Add(new PartitionHealed(at, MembersOf(e.Near, MemberState.Alive), MembersOf(e.Far, MemberState.Failed)));
                break;
        }
    }

    private static ClusterMember MemberOf(MemberRecord record, MemberState state) => new()
    {
        Id = record.Id,
        Generation = record.Generation,
        Incarnation = record.Incarnation,
        Address = record.Address,
        Tags = record.Tags,
        State = state,
    };

    private ImmutableArray<ClusterMember> MembersOf(MemberRecord[] records, MemberState state) =>
        [.. records.Select(r => r.Id == _id ? _local : MemberOf(r, state)).OrderBy(static m => m.Id)];

    private void PublishChanges()
    {
        if (!_viewChanged && _events.Count == 0)
        {
            return;
        }

        ImmutableArray<ClusterMember>? members = null;
        lock (_machineLock)
        {
            _hasQuorum = _machine!.HasQuorum;
            if (_viewChanged)
            {
                members = BuildView();
            }
        }

        _viewChanged = false;
        _hub.Publish(members, _events.ToArray());
        _events.Clear();
    }

    private void RefreshView() => _hub.Publish(BuildView(), []);

    private ImmutableArray<ClusterMember> BuildView()
    {
        var machine = _machine!;
        _local = MemberOf(machine.Local, MemberState.Alive) with { IsLocal = true };
        var members = new List<ClusterMember>(machine.LiveCount) { _local };
        foreach (var entry in machine.Table.Live)
        {
            // The same object as long as nothing changed, so that readers can compare by reference.
            if (!_known.TryGetValue(entry.Id, out var known) || known.Record != entry.Record || known.State != entry.State)
            {
                known = (entry.Record!, entry.State, MemberOf(entry.Record!, entry.State));
                _known[entry.Id] = known;
            }

            members.Add(known.Member);
        }

        if (_known.Count > (2 * members.Count) + 64)
        {
            _known.Clear();
        }

        members.Sort(static (a, b) => a.Id.CompareTo(b.Id));
        return [.. members];
    }
}
