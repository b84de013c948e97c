using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RpcNet.Client;
using RpcNet.Cluster.Client;
using RpcNet.Transports;

namespace RpcNet.Cluster;

/// <summary>
/// Makes balanced calls from a process that is no member of the cluster: a director names the workers and their load, the calls
/// go to the workers directly.
/// </summary>
/// <remarks>
/// While no director answers, the client goes on with the workers it knows, and finds out by itself which of them fail; as soon
/// as one answers again, its word counts. All members may be called concurrently.
/// </remarks>
public sealed class DirectorClient : RpcInvoker, IAsyncDisposable
{
    private static readonly TimeSpan FirstRetryDelay = TimeSpan.FromMilliseconds(100);

    private readonly DirectorClientOptions _options;
    private readonly RpcChannel[] _directors;
    private readonly WorkerChannelPool _pool;
    private readonly WorkerRegistry _registry;
    private readonly ClusterClient _client;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Registry.RandomSource _random;
    private readonly string _subsetKey;
    private readonly Channel<DirectorView> _views = Channel.CreateBounded<DirectorView>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest });

    private readonly BackgroundTasks _reports = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private Task? _following;
    private Task? _disposal;
    private volatile bool _isFollowing;

    /// <summary>Creates the client; nothing connects yet.</summary>
    /// <param name="transport">The engine.</param>
    /// <param name="configure">Gives the options of the channel to an address, a director's or a worker's.</param>
    /// <param name="options">Whom to follow and how to call.</param>
    /// <param name="loggerFactory">Where to log.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="seed">The seed of all chance; null takes one from the clock.</param>
    /// <param name="configureDirector">
    /// Gives the options of the channels to directors, which carry none of the application's calls; null takes
    /// <paramref name="configure"/>.
    /// </param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public DirectorClient(
        ITransport transport,
        Func<EndPoint, RpcChannelOptions> configure,
        DirectorClientOptions options,
        ILoggerFactory? loggerFactory = null,
        TimeProvider? timeProvider = null,
        int? seed = null,
        Func<EndPoint, RpcChannelOptions>? configureDirector = null)
    {
        ArgumentNullException.ThrowIfNull(transport);
        ArgumentNullException.ThrowIfNull(configure);
        ArgumentNullException.ThrowIfNull(options);
        if (options.Validate().FirstOrDefault() is { } complaint)
        {
            throw new ArgumentException(complaint, nameof(options));
        }

        _options = options;
        _time = timeProvider ?? TimeProvider.System;
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<DirectorClient>();
        _random = new Registry.RandomSource((ulong?)seed ?? (ulong)_time.GetTimestamp());
        _subsetKey = _random.Next().ToString("x", System.Globalization.CultureInfo.InvariantCulture);
        _directors = [.. options.Directors.Select(director => new RpcChannel(
            transport, (configureDirector ?? configure)(ParseEndPoint(director)), loggerFactory, _time, new Random(_random.Next(int.MaxValue))))];
        _pool = new WorkerChannelPool(transport, configure, options: null, loggerFactory, _time, _random.Next(int.MaxValue));
        var workers = options.Workers;
        workers.Filter = "";
        workers.WatchLoad = false;
        _registry = new WorkerRegistry(
            FollowViewsAsync, static () => null, workers, _pool, loggerFactory, _time, _random.Next(int.MaxValue));
        _client = new ClusterClient(_registry, options.Calls, loggerFactory);
        _registry.WorkerStateChanged += (_, change) => OnStateChanged(change);
    }

    /// <summary>Whether a director is being followed at this moment.</summary>
    public bool IsFollowing => _isFollowing;

    /// <summary>The workers known.</summary>
    public WorkerRegistry Registry => _registry;

    /// <summary>Makes the calls.</summary>
    public ClusterClient Client => _client;

    /// <summary>Makes a client of a contract.</summary>
    /// <exception cref="InvalidOperationException">The interface is no contract.</exception>
    public TService CreateClient<TService>(RpcCallOptions? options = null)
        where TService : class =>
        RpcContracts.Get<TService>().CreateClient(this, options);

    /// <summary>Begins to follow; completes when a director has named its workers, however long that takes.</summary>
    /// <exception cref="OperationCanceledException">
    /// <paramref name="cancellationToken"/> was cancelled; the client goes on looking for a director.
    /// </exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        Task starting;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposal is not null, this);
            if (_following is not null)
            {
                throw new InvalidOperationException("The client was started before.");
            }

            _following = Task.Run(FollowAsync, CancellationToken.None);
            starting = _registry.StartAsync(cancellationToken);
        }

        await starting.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public override ValueTask<TResponse> InvokeUnaryAsync<TRequest, TResponse>(
        RpcUnaryMethod<TRequest, TResponse> method, TRequest request, RpcCallOptions? options, CancellationToken cancellationToken) =>
        _client.InvokeUnaryAsync(method, request, options, cancellationToken);

    /// <inheritdoc/>
    public override ValueTask<TOutput> InvokeClientStreamingAsync<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput> input,
        RpcCallOptions? options,
        CancellationToken cancellationToken) =>
        _client.InvokeClientStreamingAsync(method, request, input, options, cancellationToken);

    /// <inheritdoc/>
    public override IAsyncEnumerable<TOutput> InvokeStreaming<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput>? input,
        RpcCallOptions? options,
        CancellationToken cancellationToken) =>
        _client.InvokeStreaming(method, request, input, options, cancellationToken);

    /// <summary>Stops following and closes all connections; calls in flight fail with Unavailable.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _disposal ??= StopAsync();
        }

        return new ValueTask(_disposal);
    }

    internal static bool TryParseEndPoint(string? text, [NotNullWhen(true)] out EndPoint? endPoint)
    {
        endPoint = null;
        if (text is null || text.LastIndexOf(':') is var colon && colon <= 0)
        {
            return false;
        }

        if (!ushort.TryParse(text.AsSpan(colon + 1), out var port) || port == 0)
        {
            return false;
        }

        var host = text[..colon];
        if (host is ['[', .., ']'])
        {
            if (IPAddress.TryParse(host[1..^1], out var v6))
            {
                endPoint = new IPEndPoint(v6, port);
            }

            return endPoint is not null;
        }

        endPoint = IPAddress.TryParse(host, out var address)
            ? new IPEndPoint(address, port)
            : Uri.CheckHostName(host) == UriHostNameType.Dns ? new DnsEndPoint(host, port) : null;
        return endPoint is not null;
    }

    private static EndPoint ParseEndPoint(string text) => TryParseEndPoint(text, out var endPoint) ? endPoint : throw new FormatException(text);

    /// <summary>Follows one director after the other until disposed.</summary>
    private async Task FollowAsync()
    {
        var (next, failures) = (0, 0);
        while (!_stopping.IsCancellationRequested)
        {
            var director = _options.Directors[next % _directors.Length];
            string reason;
            try
            {
                var service = RpcContracts.Get<IDirectorService>().CreateClient(_directors[next % _directors.Length]);
                var request = new DirectorRequest { Tags = _options.Calls.Tags, MaxWorkers = _options.MaxWorkers, SubsetKey = _subsetKey };
                await foreach (var view in service.WatchAsync(request, _stopping.Token).ConfigureAwait(false))
                {
                    if (!_isFollowing)
                    {
                        RoutingLog.DirectorFollowed(_logger, director, view.Workers.Count);
                        _isFollowing = true;
                    }

                    failures = 0;
                    _views.Writer.TryWrite(view);
                }

                reason = "it is going away";
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                reason = e.Message;
            }

            _isFollowing = false;
            RoutingLog.DirectorLost(_logger, director, _registry.Count, reason);
            next++;
            var pause = BackOff.Growing(FirstRetryDelay, failures++ / _directors.Length, _options.MaxRetryDelay, _random);
            await Task.Delay(pause, _time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>The director's views as a membership: what is missing from a view is gone.</summary>
    private async IAsyncEnumerable<ClusterEvent> FollowViewsAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var view in _views.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
        {
            var members = new List<ClusterMember>(view.Workers.Count);
            var loads = new List<(NodeIdentity Identity, LoadReport Load)>();
            foreach (var worker in view.Workers)
            {
                if (!NodeId.TryParse(worker.Id, provider: null, out var id) || !IPEndPoint.TryParse(worker.Address, out var address))
                {
                    RoutingLog.DirectorViewMalformed(_logger, worker.Id, worker.Address);
                    continue;
                }

                members.Add(new ClusterMember
                {
                    Id = id,
                    Generation = worker.Generation,
                    Incarnation = 0,
                    Address = address,
                    Tags = worker.Tags.ToFrozenDictionary(StringComparer.Ordinal),
                    State = worker.IsDoubtful ? MemberState.Suspect : MemberState.Alive,
                });
                if (worker.Load is { } load)
                {
                    loads.Add((new NodeIdentity(id, worker.Generation), load));
                }
            }

            yield return new ClusterSnapshot(_time.GetUtcNow(), [.. members]);
            foreach (var (identity, load) in loads)
            {
                if (_registry.Find(identity) is { } worker)
                {
                    _registry.ApplyLoad(worker, load);
                }
            }
        }
    }

    /// <summary>Tells the director of a worker that this client had to give up on.</summary>
    private void OnStateChanged(WorkerChange change)
    {
        if (change.State == WorkerState.Ejected && _isFollowing)
        {
            _reports.Add(ReportAsync(change.Worker.Id.Value, change.Reason ?? ""));
        }
    }

    private async Task ReportAsync(string workerId, string reason)
    {
        foreach (var director in _directors)
        {
            if (!director.IsReady)
            {
                continue;
            }

            try
            {
                await RpcContracts.Get<IDirectorService>().CreateClient(director, new RpcCallOptions { Timeout = TimeSpan.FromSeconds(2) })
                    .ReportFailureAsync(workerId, reason, _stopping.Token).ConfigureAwait(false);
                return;
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                RoutingLog.ReportFailed(_logger, workerId, e.Message);
            }
        }
    }

    private async Task StopAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        if (_following is not null)
        {
            await _following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await _registry.DisposeAsync().ConfigureAwait(false);
        await _reports.WhenDoneAsync().ConfigureAwait(false);
        await _pool.DisposeAsync().ConfigureAwait(false);
        foreach (var director in _directors)
        {
            await director.DisposeAsync().ConfigureAwait(false);
        }

        _stopping.Dispose();
    }
}
