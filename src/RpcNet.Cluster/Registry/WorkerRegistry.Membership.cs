using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster;

public sealed partial class WorkerRegistry
{
    private static readonly TimeSpan ResubscribeDelay = TimeSpan.FromSeconds(1);

    /// <summary>Follows the membership until the registry is disposed or the membership ends.</summary>
    private async Task FollowAsync(TaskCompletionSource started)
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await foreach (var change in _subscribe(_stopping.Token).ConfigureAwait(false))
                {
                    Apply(change);
                    if (change is ClusterSnapshot)
                    {
                        started.TrySetResult();
                    }
                }

                RoutingLog.MembershipEnded(_logger, Count);
                started.TrySetResult();
                return;
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                started.TrySetCanceled(CancellationToken.None);
                return;
            }
            catch (Exception e)
            {
                RoutingLog.MembershipFailed(_logger, e);
            }

            await Task.Delay(ResubscribeDelay, _time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        started.TrySetCanceled(CancellationToken.None);
    }

    private void Apply(ClusterEvent change)
    {
        var notices = new Notices();
        lock (_gate)
        {
            switch (change)
            {
                case ClusterSnapshot snapshot:
                    Reconcile(snapshot.Members, notices);
                    break;
                case NodeJoined joined:
                    _members++;
                    Upsert(joined.Member, isFirstView: false, notices);
                    break;
                case NodeLeft left:
                    _members--;
                    Remove(left.Member.Identity, "it left", failed: false, notices);
                    break;
                case NodeFailed failed:
                    _members--;
                    Remove(failed.Member.Identity, "it failed", failed: true, notices);
                    break;
                case NodeIdConflict:
                    return;
                case MemberEvent changed:
                    Upsert(changed.Member, isFirstView: false, notices);
                    break;
                default:
                    return;
            }

            RebuildSelectors();
        }

        Raise(notices);
    }

    private void Reconcile(IReadOnlyCollection<ClusterMember> members, Notices notices)
    {
        var isFirstView = _members == 0;
        _members = members.Count;
        var present = members.Select(static m => m.Identity).ToHashSet();
        foreach (var gone in _workers.Values.Where(w => !present.Contains(w.Identity)).ToList())
        {
            Remove(gone.Identity, "it is no member any more", failed: false, notices);
        }

        foreach (var member in members)
        {
            Upsert(member, isFirstView, notices);
        }
    }

    private void Upsert(ClusterMember member, bool isFirstView, Notices notices)
    {
        var isWorker = member.State is MemberState.Alive or MemberState.Suspect && _filter.Matches(member.Tags);
        if (_workers.TryGetValue(member.Id, out var worker) && worker.Identity != member.Identity)
        {
            Remove(worker.Identity, "it restarted", failed: true, notices);
            worker = null;
        }

        if (!isWorker)
        {
            if (worker is not null)
            {
                Remove(member.Identity, "it is no worker any more", failed: false, notices);
            }

            return;
        }

        if (worker is not null)
        {
            worker.Update(member);
            UpdateState(worker, reason: null, notices);
            return;
        }

        ReclaimSlots();
        var slot = _table.TryTake();
        if (slot < 0)
        {
            RoutingLog.TooManyWorkers(_logger, member.Name, _table.Capacity);
            return;
        }

        worker = new Worker(this, member, slot);
        worker.Update(member);
        worker.SetState(StateOf(worker));
        if (!isFirstView && Options.SlowStart > TimeSpan.Zero)
        {
            worker.SetWarming(true, _time.GetTimestamp());
        }

        _workers[member.Id] = worker;
        notices.Added.Add(worker);
    }

    private void Remove(NodeIdentity identity, string reason, bool failed, Notices notices)
    {
        if (_workers.TryGetValue(identity.Id, out var worker) && worker.Identity == identity)
        {
            _workers.Remove(identity.Id);
            _leaving.Add(worker);
            _outliers.Forget(worker);
            worker.SetState(WorkerState.Gone);
            notices.Removed.Add((worker, reason, failed));
        }
    }

    /// <summary>Frees the slots of workers that are gone and whose last lease has ended.</summary>
    private void ReclaimSlots() => _leaving.RemoveAll(worker =>
    {
        if (!worker.TryRelease())
        {
            return false;
        }

        _table.Return(worker.Slot);
        return true;
    });

    private void UpdateState(Worker worker, string? reason, Notices notices)
    {
        var state = StateOf(worker);
        if (state != worker.State)
        {
            worker.SetState(state);
            notices.Changed.Add((worker, state, reason));
        }
    }

    private static WorkerState StateOf(Worker worker) => worker switch
    {
        _ when worker.ReportedPhase == WorkerPhase.Draining || HasFlag(worker, "draining") => WorkerState.Draining,
        _ when worker.ReportedPhase == WorkerPhase.Starting || HasFlag(worker, "starting") => WorkerState.Starting,
        _ when worker.Health.IsEjected => WorkerState.Ejected,
        _ when worker.Member.State == MemberState.Suspect => WorkerState.Suspect,
        _ => WorkerState.Ready,
    };

    private static bool HasFlag(Worker worker, string tag) =>
        worker.Tags.TryGetValue(tag, out var value) && !string.Equals(value, "false", StringComparison.OrdinalIgnoreCase);

    private void RebuildSelectors()
    {
        foreach (var selector in _selectors.Values)
        {
            selector.Rebuild(_workers.Values);
        }
    }

    /// <summary>Tells what changed, outside of the lock.</summary>
    private void Raise(Notices notices)
    {
        foreach (var (worker, reason, failed) in notices.Removed)
        {
            RoutingLog.WorkerRemoved(_logger, worker.Label, worker.Address, reason);
            OnRemoved(worker, reason, failed);
            WorkerRemoved?.Invoke(this, new WorkerChange(worker, WorkerState.Gone, reason));
        }

        foreach (var worker in notices.Added)
        {
            RoutingLog.WorkerAdded(_logger, worker.Label, worker.Address);
            OnAdded(worker);
            WorkerAdded?.Invoke(this, new WorkerChange(worker, worker.State, Reason: null));
        }

        foreach (var (worker, reason) in notices.Ejected)
        {
            OnDecision(RoutingDecisionKind.Ejected, worker, method: null, reason);
        }

        foreach (var (worker, state, reason) in notices.Changed)
        {
            RoutingLog.WorkerStateChanged(_logger, worker.Label, worker.Address, state, reason ?? "by its own or its peers' word");
            WorkerStateChanged?.Invoke(this, new WorkerChange(worker, state, reason));
        }
    }

    /// <summary>What happened under the lock and is told after it.</summary>
    private sealed class Notices
    {
        public List<Worker> Added { get; } = [];

        public List<(Worker Worker, string Reason, bool Failed)> Removed { get; } = [];

        public List<(Worker Worker, WorkerState State, string? Reason)> Changed { get; } = [];

        public List<(Worker Worker, string Reason)> Ejected { get; } = [];
    }
}
