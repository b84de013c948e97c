using System.Runtime.CompilerServices;
using RpcNet.Cluster.Balancing;
using RpcNet.Cluster.Client;
using RpcNet.Server;

namespace RpcNet.Cluster;

/// <summary>
/// Serves the workers of a registry to processes that are no members: the built-in service rpcnet.Director, which
/// <see cref="DirectorClient"/> follows.
/// </summary>
/// <remarks>All members may be called concurrently.</remarks>
public sealed class DirectorServer : IDirectorService
{
    private const int MostWorkers = 10_000;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(1);

    private readonly WorkerRegistry _registry;
    private readonly DirectorServerOptions _options;
    private readonly FailureReports _reports;
    private readonly RpcContextAccessor _context = new();
    private CancellationToken _drainStarted;

    /// <summary>Creates the service over the registry of the director's process.</summary>
    /// <param name="registry">Where the workers are.</param>
    /// <param name="options">What the clients' word counts; null takes the defaults.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public DirectorServer(WorkerRegistry registry, DirectorServerOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(registry);
        _registry = registry;
        _options = options ?? new DirectorServerOptions();
        if (_options.Validate().FirstOrDefault() is { } complaint)
        {
            throw new ArgumentException(complaint, nameof(options));
        }

        _reports = new FailureReports(_options, registry.Time);
    }

    /// <summary>Serves rpcnet.Director.</summary>
    /// <exception cref="InvalidOperationException">The map serves it already.</exception>
    public void AddTo(RpcServiceMap services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddService<IDirectorService>(this);
    }

    /// <summary>Lets the clients' streams end when the server drains.</summary>
    public void Attach(RpcServer server)
    {
        ArgumentNullException.ThrowIfNull(server);
        _drainStarted = server.DrainStarted;
    }

    async IAsyncEnumerable<DirectorView> IDirectorService.WatchAsync(
        DirectorRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (!TagExpression.TryParse(request.Tags, out var expression, out var complaint))
        {
            throw new RpcFaultException(RpcStatusCode.InvalidArgument, complaint);
        }

        var key = ConsistentHashBalancer.HashOf(request.SubsetKey);
        var most = Math.Clamp(request.MaxWorkers, 1, MostWorkers);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _drainStarted);
        using var timer = new PeriodicTimer(Interval, _registry.Time);
        List<DirectorWorker>? sent = null;
        var sentAt = 0L;
        while (!_drainStarted.IsCancellationRequested)
        {
            var workers = View(expression, key, most);
            if (sent is null || !AreEqual(sent, workers) || _registry.Time.GetElapsedTime(sentAt) >= Heartbeat)
            {
                sent = workers;
                sentAt = _registry.Time.GetTimestamp();
                yield return new DirectorView { Workers = workers };
            }

            try
            {
                await timer.WaitForNextTickAsync(ended.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (_drainStarted.IsCancellationRequested)
            {
                yield break;
            }
        }
    }

    ValueTask IDirectorService.ReportFailureAsync(string workerId, string reason, CancellationToken cancellationToken)
    {
        var reporter = _context.Context is { } call
            ? call.PeerCertificate?.Thumbprint ?? call.RemoteEndPoint?.Address.ToString() ?? ""
            : "";
        foreach (var worker in _registry.Workers)
        {
            if (worker.Id.Value == workerId)
            {
                _registry.OnReported(worker, _reports.Add(worker, reporter), _options.ReportQuorum, Shorten(reason));
            }
        }

        return ValueTask.CompletedTask;
    }

    private static string Shorten(string text) => text.Length > 200 ? text[..200] : text;

    private static bool AreEqual(List<DirectorWorker> left, List<DirectorWorker> right) =>
        left.Count == right.Count && left.Zip(right).All(static pair =>
            pair.First.Id == pair.Second.Id
            && pair.First.Generation == pair.Second.Generation
            && pair.First.Address == pair.Second.Address
            && pair.First.IsDoubtful == pair.Second.IsDoubtful
            && ReferenceEquals(pair.First.Load, pair.Second.Load)
            && pair.First.Tags.Count == pair.Second.Tags.Count
            && pair.First.Tags.All(t => pair.Second.Tags.TryGetValue(t.Key, out var value) && value == t.Value));

    /// <summary>The workers that fit; of too many those that hash closest to the client's key, so that subsets differ evenly.</summary>
    private List<DirectorWorker> View(TagExpression expression, ulong key, int most)
    {
        var workers = _registry.Workers.Where(w => w.State != WorkerState.Gone && expression.Matches(w.Tags)).ToList();
        if (workers.Count > most)
        {
            workers = [.. workers.OrderBy(w => ConsistentHashBalancer.Mix(key ^ w.Hash)).Take(most).OrderBy(static w => w.Id)];
        }

        return workers.ConvertAll(static w => new DirectorWorker
        {
            Id = w.Id.Value,
            Generation = w.Identity.Generation,
            Address = w.Address.ToString(),
            Tags = w.Tags.ToDictionary(),
            IsDoubtful = w.State is WorkerState.Suspect or WorkerState.Ejected,
            Load = w.Load,
        });
    }
}
