using System.Collections.Immutable;
using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster;

/// <summary>
/// Selects among the workers that one tag expression fits. Selection reads an immutable snapshot: it takes no lock and, without
/// exclusions, allocates nothing. All members may be called concurrently.
/// </summary>
public sealed class WorkerSelector
{
    private readonly WorkerRegistry _registry;
    private readonly ILoadBalancer _balancer;
    private readonly int _maxCallsPerWorker;
    private volatile Snapshot _snapshot;

    internal WorkerSelector(WorkerRegistry registry, TagExpression expression, ILoadBalancer balancer)
    {
        _registry = registry;
        _balancer = balancer;
        _maxCallsPerWorker = registry.Options.MaxCallsPerWorker;
        Expression = expression;
        _snapshot = new Snapshot([], registry.Loads, panicShare: 0);
    }

    /// <summary>What the workers must fit.</summary>
    public TagExpression Expression { get; }

    /// <summary>All workers that fit, whatever their state, in order of id.</summary>
    public ImmutableArray<Worker> Workers => _snapshot.All;

    /// <summary>Those that selection chooses from at present.</summary>
    public WorkerSet Candidates => _snapshot.Candidates;

    /// <summary>Selects a worker, or says that there is none that may take a call.</summary>
    public bool TrySelect(out WorkerLease lease) => TrySelect(default, [], out lease);

    /// <summary>Selects a worker, or says that there is none that may take a call.</summary>
    /// <param name="request">What is known of the call.</param>
    /// <param name="exclude">Workers that shall not be chosen: those already tried.</param>
    /// <param name="lease">Counts the call until it is disposed.</param>
    public bool TrySelect(in SelectionRequest request, ReadOnlySpan<Worker> exclude, out WorkerLease lease)
    {
        var snapshot = _snapshot;
        var candidates = snapshot.Candidates;
        if (!exclude.IsEmpty)
        {
            candidates = candidates.Without(exclude);
            if (candidates.Count == 0)
            {
                candidates = snapshot.LastResort.Without(exclude);
            }
        }

        if (candidates.Count == 0)
        {
            lease = default;
            return false;
        }

        var worker = candidates[_balancer.Select(candidates, request)];
        if (worker.IsWarming && exclude.IsEmpty && snapshot.Established is { } established && !_registry.AdmitsWarming(worker))
        {
            worker = established[_balancer.Select(established, request)];
        }

        return TryEnter(worker, out lease) || TryEnterLeastLoaded(candidates, out lease);
    }

    /// <summary>Selects a worker.</summary>
    /// <exception cref="RpcFaultException">
    /// Unavailable: no worker fits, or none of those that do takes calls; the message says what was looked for and what is there.
    /// ResourceExhausted: all that fit have as many calls as they may. In both cases nothing was sent.
    /// </exception>
    public WorkerLease Select() => Select(default, []);

    /// <summary>Selects a worker that is none of <paramref name="exclude"/>.</summary>
    /// <exception cref="RpcFaultException">As <see cref="Select()"/>.</exception>
    public WorkerLease Select(in SelectionRequest request, ReadOnlySpan<Worker> exclude) =>
        TrySelect(request, exclude, out var lease) ? lease : throw Failure(exclude);

    /// <summary>Says why a selection failed.</summary>
    internal RpcFaultException Failure(ReadOnlySpan<Worker> exclude)
    {
        var snapshot = _snapshot;
        if (snapshot.Candidates.Count > 0 && snapshot.Candidates.Without(exclude).Count > 0)
        {
            return new RpcFaultException(
                RpcStatusCode.ResourceExhausted,
                $"The call was shed: each of the {snapshot.Candidates.Count} workers for {Describe(Expression)} has "
                + $"{_maxCallsPerWorker} calls in flight, as many as RpcNet:Cluster:Workers:MaxCallsPerWorker allows.")
            {
                MayHaveExecuted = false,
            };
        }

        return new RpcFaultException(RpcStatusCode.Unavailable, _registry.DescribeLack(this, exclude.Length)) { MayHaveExecuted = false };
    }

    /// <summary>Takes the workers that fit over. The caller serializes.</summary>
    internal void Rebuild(IEnumerable<Worker> workers) => _snapshot = new Snapshot(
        [.. workers.Where(w => Expression.Matches(w.Tags))], _registry.Loads, _registry.Options.PanicShare);

    internal static string Describe(TagExpression expression) => expression.IsAny ? "any tags" : $"'{expression}'";

    private bool TryEnter(Worker worker, out WorkerLease lease)
    {
        if (worker.Enter() > _maxCallsPerWorker)
        {
            worker.Leave();
            lease = default;
            return false;
        }

        lease = new WorkerLease(worker, LeaseCell.Rent());
        if (_registry.SelectionsAreWatched)
        {
            _registry.OnSelected(worker);
        }

        return true;
    }

    /// <summary>The way of a selection that met a full worker: the least loaded one, unless that is full too.</summary>
    private bool TryEnterLeastLoaded(WorkerSet candidates, out WorkerLease lease)
    {
        var least = 0;
        for (var i = 1; i < candidates.Count; i++)
        {
            if (candidates.GetLoad(i) < candidates.GetLoad(least))
            {
                least = i;
            }
        }

        if (TryEnter(candidates[least], out lease))
        {
            return true;
        }

        _registry.CountShed(this);
        return false;
    }

    private sealed class Snapshot
    {
        public Snapshot(Worker[] all, int[] loads, double panicShare)
        {
            All = [.. all.OrderBy(static w => w.Id)];
            var ready = Array.FindAll(all, static w => w.State == WorkerState.Ready);
            var suspect = Array.FindAll(all, static w => w.State == WorkerState.Suspect);
            var ejected = Array.FindAll(all, static w => w.State == WorkerState.Ejected);
            Worker[] usable = ready.Length == 0 || ready.Length < panicShare * (ready.Length + suspect.Length)
                ? [.. ready, .. suspect]
                : ready;
            Candidates = ToSet(usable.Length > 0 ? usable : ejected, loads);
            LastResort = ToSet([.. ready, .. suspect, .. ejected], loads);
            var established = Array.FindAll(Candidates.Items, static w => !w.IsWarming);
            Established = established.Length > 0 && established.Length < Candidates.Count ? ToSet(established, loads) : null;
        }

        public ImmutableArray<Worker> All { get; }

        public WorkerSet Candidates { get; }

        /// <summary>Whom a call may try when it has tried all candidates.</summary>
        public WorkerSet LastResort { get; }

        /// <summary>The candidates that do not warm up; null when that is all or none of them.</summary>
        public WorkerSet? Established { get; }

        /// <summary>In order of slot, so that a search through the loads goes through memory in order.</summary>
        private static WorkerSet ToSet(Worker[] workers, int[] loads)
        {
            Array.Sort(workers, static (a, b) => a.Slot.CompareTo(b.Slot));
            return new WorkerSet(workers, loads);
        }
    }
}
