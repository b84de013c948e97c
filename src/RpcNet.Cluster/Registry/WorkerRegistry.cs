using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RpcNet.Cluster.Balancing;
using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster;

/// <summary>
/// The workers of the cluster as calls see them: follows the membership, and selects one worker for a call.
/// </summary>
/// <remarks>
/// All members may be called concurrently. Selection works from the moment <see cref="StartAsync"/> has completed until the
/// registry is disposed, and after that on the last view.
/// </remarks>
public sealed partial class WorkerRegistry : IAsyncDisposable
{
    private const int MaxSelectors = 1024;

    private readonly Func<CancellationToken, IAsyncEnumerable<ClusterEvent>> _subscribe;
    private readonly Func<string?> _localZone;
    private readonly TimeProvider _time;
    private readonly RandomSource _random;
    private readonly ILogger _logger;
    private readonly TagExpression _filter;
    private readonly LoadTable _table;
    private readonly OutlierDetector _outliers;
    private readonly double _ticksOfLatencyDecay;

    private readonly Lock _gate = new();
    private readonly Dictionary<NodeId, Worker> _workers = [];
    private readonly List<Worker> _leaving = [];
    private readonly ConcurrentDictionary<string, WorkerSelector> _selectors = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private readonly WorkerSelector _all;
    private Task? _following;
    private ITimer? _timer;
    private Task? _disposal;
    private int _members;

    /// <summary>Creates the registry over a membership; nothing is followed yet.</summary>
    /// <param name="membership">Where members come and go; the caller keeps it.</param>
    /// <param name="options">How workers are found and chosen; null takes the defaults.</param>
    /// <param name="channels">
    /// The connections to workers, over which they report their load and a cluster client calls them; null for a
    /// registry that only knows its own part of the load. The caller disposes it, after the registry.
    /// </param>
    /// <param name="loggerFactory">Where to log.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="seed">The seed of all chance; null takes one from the clock.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public WorkerRegistry(
        IClusterMembership membership,
        WorkerRegistryOptions? options = null,
        WorkerChannelPool? channels = null,
        ILoggerFactory? loggerFactory = null,
        TimeProvider? timeProvider = null,
        int? seed = null)
        : this(SubscriptionTo(membership), () => membership.Local.GetTag("zone"), options, channels, loggerFactory, timeProvider, seed)
    {
    }

    internal WorkerRegistry(
        Func<CancellationToken, IAsyncEnumerable<ClusterEvent>> subscribe,
        Func<string?> localZone,
        WorkerRegistryOptions? options,
        WorkerChannelPool? channels,
        ILoggerFactory? loggerFactory,
        TimeProvider? timeProvider,
        int? seed)
    {
        Options = options ?? new WorkerRegistryOptions();
        if (Options.Validate().FirstOrDefault() is { } complaint)
        {
            throw new ArgumentException(complaint, nameof(options));
        }

        _subscribe = subscribe;
        Channels = channels;
        _localZone = () => Options.LocalZone ?? localZone();
        _time = timeProvider ?? TimeProvider.System;
        _random = new RandomSource((ulong?)seed ?? (ulong)_time.GetTimestamp());
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<WorkerRegistry>();
        _filter = TagExpression.Parse(Options.Filter);
        _table = new LoadTable(Options.MaxWorkers);
        _outliers = new OutlierDetector(Options.Outliers);
        _ticksOfLatencyDecay = Options.LatencyDecay.TotalSeconds * _time.TimestampFrequency;
        _all = AddSelector(TagExpression.Any);
    }

    /// <summary>A worker came. Handlers must not block.</summary>
    public event EventHandler<WorkerChange>? WorkerAdded;

    /// <summary>A worker left or failed; its state is <see cref="WorkerState.Gone"/>. Handlers must not block.</summary>
    public event EventHandler<WorkerChange>? WorkerRemoved;

    /// <summary>A worker changed its state. Handlers must not block.</summary>
    public event EventHandler<WorkerChange>? WorkerStateChanged;

    /// <summary>
    /// A decision was made about a call or a worker, by this registry or by a client over it. Raised on the path of the call:
    /// handlers must be quick and not throw. While there are none, it costs a comparison.
    /// </summary>
    public event EventHandler<RoutingDecision>? DecisionMade;

    /// <summary>How workers are found and chosen.</summary>
    public WorkerRegistryOptions Options { get; }

    /// <summary>All workers, whatever their state, in order of id.</summary>
    public ImmutableArray<Worker> Workers => _all.Workers;

    /// <summary>How many workers there are.</summary>
    public int Count => _all.Workers.Length;

    /// <summary>The connections to the workers, if the registry has any.</summary>
    internal WorkerChannelPool? Channels { get; }

    internal int[] Loads => _table.Loads;

    internal TimeProvider Time => _time;

    /// <summary>Whether somebody wants to know of each selection.</summary>
    internal bool SelectionsAreWatched => DecisionMade is not null || RoutingMetrics.Selections.Enabled;

    /// <summary>The workers that fit a tag expression, whatever their state, in order of id.</summary>
    /// <exception cref="TagExpressionException">The expression is malformed.</exception>
    public ImmutableArray<Worker> WorkersWithTags(string? expression) => Find(expression).Workers;

    /// <summary>Follows the membership; completes when its present members are known.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        TaskCompletionSource started;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposal is not null, this);
            if (_following is not null)
            {
                throw new InvalidOperationException("The registry was started before.");
            }

            started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _following = Task.Run(() => FollowAsync(started), CancellationToken.None);
            _timer = _time.CreateTimer(static registry => ((WorkerRegistry)registry!).OnTick(), this, Options.Outliers.Interval, Options.Outliers.Interval);
        }

        await started.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// The selector of a tag expression (null or empty: all workers). Keep it: it saves the look-up, and there may be 1,024.
    /// </summary>
    /// <exception cref="TagExpressionException">The expression is malformed.</exception>
    /// <exception cref="InvalidOperationException">There are too many selectors: expressions are made from data.</exception>
    public WorkerSelector GetSelector(string? expression) =>
        _selectors.TryGetValue(expression ?? "", out var selector) ? selector : GetSelector(TagExpression.Parse(expression));

    /// <summary>The selector of a tag expression.</summary>
    /// <exception cref="InvalidOperationException">There are too many selectors: expressions are made from data.</exception>
    public WorkerSelector GetSelector(TagExpression expression)
    {
        ArgumentNullException.ThrowIfNull(expression);
        return _selectors.TryGetValue(expression.ToString(), out var selector)
            ? selector
            : AddSelector(expression);
    }

    /// <summary>Selects a worker, or says that there is none that may take a call.</summary>
    /// <param name="expression">What it must fit; null takes any worker.</param>
    /// <param name="lease">Counts the call until it is disposed.</param>
    /// <exception cref="TagExpressionException">The expression is malformed.</exception>
    public bool TrySelect(string? expression, out WorkerLease lease) => Find(expression).TrySelect(out lease);

    /// <summary>Selects a worker that fits <paramref name="expression"/> (null: any) and is none of <paramref name="exclude"/>.</summary>
    /// <exception cref="TagExpressionException">The expression is malformed.</exception>
    /// <exception cref="RpcFaultException">As <see cref="WorkerSelector.Select()"/>.</exception>
    public WorkerLease Select(string? expression = null, params ReadOnlySpan<Worker> exclude) => Find(expression).Select(default, exclude);

    /// <summary>The worker that serves at an address, or null.</summary>
    public Worker? FindByAddress(IPEndPoint address)
    {
        ArgumentNullException.ThrowIfNull(address);
        foreach (var worker in Workers)
        {
            if (worker.Address.Equals(address))
            {
                return worker;
            }
        }

        return null;
    }

    /// <summary>
    /// Someone found a worker unreachable: it is ejected, within the limit on ejections, until membership has taken it out or
    /// <see cref="OutlierOptions.BaseEjectionTime"/> is over.
    /// </summary>
    public void ReportFailure(Worker worker, string reason)
    {
        ArgumentNullException.ThrowIfNull(worker);
        Eject(worker, reason);
    }

    /// <summary>Stops following the membership.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _disposal ??= StopAsync();
        }

        return new ValueTask(_disposal);
    }

    internal void OnDecision(RoutingDecisionKind kind, Worker? worker, string? method, string? reason) =>
        DecisionMade?.Invoke(this, new RoutingDecision(kind, worker, method, reason));

    internal void OnSelected(Worker worker)
    {
        if (RoutingMetrics.Selections.Enabled)
        {
            RoutingMetrics.Selections.Add(1, new KeyValuePair<string, object?>("rpcnet.worker", worker.Label));
        }

        OnDecision(RoutingDecisionKind.Selected, worker, method: null, reason: null);
    }

    internal Worker? Find(NodeIdentity identity)
    {
        lock (_gate)
        {
            return _workers.TryGetValue(identity.Id, out var worker) && worker.Identity == identity ? worker : null;
        }
    }

    internal string DescribeLack(WorkerSelector selector, int tried)
    {
        var wanted = WorkerSelector.Describe(selector.Expression);
        var fitting = selector.Workers;
        var all = Workers;
        if (all.IsEmpty)
        {
            var members = Volatile.Read(ref _members);
            return $"No worker for {wanted}: none of the {members} members of the cluster fits RpcNet:Cluster:Workers:Filter, which is {WorkerSelector.Describe(_filter)}.";
        }

        if (fitting.IsEmpty)
        {
            return $"No worker for {wanted}: none of the {all.Length} workers fits. They are {List(all, DescribeTags)}.";
        }

        return tried > 0
            ? $"No other worker for {wanted}: {tried} of the {fitting.Length} that fit were tried. They are {List(fitting, DescribeState)}."
            : $"No worker for {wanted} takes calls: {List(fitting, DescribeState)}.";

        static string DescribeState(Worker worker) => $"{worker.Label} ({worker.State})";
        static string DescribeTags(Worker worker) =>
            $"{worker.Label} ({string.Join(", ", worker.Tags.Where(t => t.Key != ClusterMember.LabelTag).OrderBy(t => t.Key, StringComparer.Ordinal).Take(8).Select(t => $"{t.Key}={t.Value}"))})";
    }

    private static string List(ImmutableArray<Worker> workers, Func<Worker, string> describe)
    {
        const int Shown = 5;
        var text = string.Join(", ", workers.Take(Shown).Select(describe));
        return workers.Length > Shown ? $"{text} and {workers.Length - Shown} more" : text;
    }

    private static Func<CancellationToken, IAsyncEnumerable<ClusterEvent>> SubscriptionTo(IClusterMembership membership)
    {
        ArgumentNullException.ThrowIfNull(membership);
        return membership.SubscribeAsync;
    }

    /// <summary>As <see cref="GetSelector(string?)"/>, but beyond the limit gives a selector that does not follow changes.</summary>
    private WorkerSelector Find(string? expression)
    {
        if (string.IsNullOrEmpty(expression))
        {
            return _all;
        }

        if (_selectors.TryGetValue(expression, out var selector))
        {
            return selector;
        }

        var parsed = TagExpression.Parse(expression);
        if (_selectors.TryGetValue(parsed.ToString(), out selector))
        {
            return selector;
        }

        if (_selectors.Count < MaxSelectors)
        {
            return AddSelector(parsed);
        }

        selector = new WorkerSelector(this, parsed, Balancers.Create(Options, _random, _time, _localZone));
        lock (_gate)
        {
            selector.Rebuild(_workers.Values);
        }

        return selector;
    }

    private WorkerSelector AddSelector(TagExpression expression)
    {
        lock (_gate)
        {
            if (_selectors.TryGetValue(expression.ToString(), out var selector))
            {
                return selector;
            }

            if (_selectors.Count >= MaxSelectors)
            {
                throw new InvalidOperationException(
                    $"There are {MaxSelectors} selectors already. Tag expressions must not be made from data of single calls; use RpcCallOptions.AffinityKey for that.");
            }

            selector = new WorkerSelector(this, expression, Balancers.Create(Options, _random, _time, _localZone));
            selector.Rebuild(_workers.Values);
            _selectors[expression.ToString()] = selector;
            return selector;
        }
    }

    private async Task StopAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        if (_timer is not null)
        {
            await _timer.DisposeAsync().ConfigureAwait(false);
        }

        if (_following is not null)
        {
            await _following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        foreach (var (stop, watching) in _watches.Values)
        {
            await watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            stop.Dispose();
        }

        _stopping.Dispose();
    }
}
