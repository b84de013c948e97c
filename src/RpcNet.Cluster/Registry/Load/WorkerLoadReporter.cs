using System.Runtime.CompilerServices;
using RpcNet.Cluster.Registry;
using RpcNet.Server;

namespace RpcNet.Cluster;

/// <summary>
/// Tells everyone who sends calls to this worker how many it has in progress: the built-in service rpcnet.Load. One timer
/// serves all watchers, and none runs while nobody watches.
/// </summary>
/// <remarks>
/// All members may be called concurrently. Register it with <see cref="AddTo"/> before the server is made, then
/// <see cref="Attach(RpcServer)"/> the server; until then it reports no calls.
/// </remarks>
public sealed class WorkerLoadReporter : ILoadService, IDisposable
{
    private readonly WorkerLoadOptions _options;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly ITimer _timer;
    private Func<(int InFlight, int Connections)> _measure = static () => (0, 0);
    private CancellationTokenRegistration _drain;
    private Link _latest;
    private long _publishedAt;
    private long _sequence;
    private WorkerPhase _phase;
    private int _watchers;
    private bool _ended;

    /// <summary>Creates the reporter.</summary>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public WorkerLoadReporter(WorkerLoadOptions? options = null, TimeProvider? timeProvider = null)
    {
        _options = options ?? new WorkerLoadOptions();
        if (_options.Validate().FirstOrDefault() is { } complaint)
        {
            throw new ArgumentException(complaint, nameof(options));
        }

        _time = timeProvider ?? TimeProvider.System;
        _timer = _time.CreateTimer(static reporter => ((WorkerLoadReporter)reporter!).OnTick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _latest = new Link(new LoadReport { Capacity = _options.Capacity });
    }

    /// <summary>What the worker says of itself; a change is reported at once. <see cref="WorkerPhase.Ready"/> at first.</summary>
    public WorkerPhase Phase
    {
        get
        {
            lock (_gate)
            {
                return _phase;
            }
        }

        set
        {
            lock (_gate)
            {
                if (_phase != value && !_ended)
                {
                    _phase = value;
                    Publish();
                }
            }
        }
    }

    /// <summary>How many watch.</summary>
    public int Watchers
    {
        get
        {
            lock (_gate)
            {
                return _watchers;
            }
        }
    }

    /// <summary>Serves rpcnet.Load.</summary>
    /// <exception cref="InvalidOperationException">The map serves it already.</exception>
    public void AddTo(RpcServiceMap services)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddService<ILoadService>(this);
    }

    /// <summary>Reports the calls of <paramref name="server"/>, and that the worker drains as soon as the server does.</summary>
    public void Attach(RpcServer server)
    {
        ArgumentNullException.ThrowIfNull(server);
        Attach(() => (server.CallsInFlight, server.Connections));
        _drain = server.DrainStarted.UnsafeRegister(static reporter => ((WorkerLoadReporter)reporter!).End(), this);
    }

    /// <summary>Ends the watchers' streams.</summary>
    public void Dispose()
    {
        _drain.Dispose();
        End();
        _timer.Dispose();
    }

    async IAsyncEnumerable<LoadReport> ILoadService.WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var link = Enter();
        try
        {
            while (true)
            {
                yield return link.Report;
                if (link.IsLast)
                {
                    yield break;
                }

                await link.Next.WaitAsync(cancellationToken).ConfigureAwait(false);
                lock (_gate)
                {
                    link = _latest;
                }
            }
        }
        finally
        {
            Leave();
        }
    }

    internal void Attach(Func<(int InFlight, int Connections)> measure)
    {
        lock (_gate)
        {
            _measure = measure;
        }
    }

    private Link Enter()
    {
        lock (_gate)
        {
            if (_watchers >= _options.MaxWatchers)
            {
                throw new RpcFaultException(
                    RpcStatusCode.ResourceExhausted,
                    $"{_watchers} watch the load already, as many as RpcNet:Cluster:Load:MaxWatchers allows.") { MayHaveExecuted = false };
            }

            if (_watchers++ == 0 && !_ended)
            {
                Publish();
                _timer.Change(_options.Interval, _options.Interval);
            }

            return _latest;
        }
    }

    private void Leave()
    {
        lock (_gate)
        {
            if (--_watchers == 0 && !_ended)
            {
                _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            }
        }
    }

    private void OnTick()
    {
        lock (_gate)
        {
            if (_watchers == 0 || _ended)
            {
                return;
            }

            var (inFlight, connections) = _measure();
            var last = _latest.Report;
            if (inFlight != last.InFlight || connections != last.Connections || _time.GetElapsedTime(_publishedAt) >= _options.Heartbeat)
            {
                Publish();
            }
        }
    }

    /// <summary>The caller holds the lock.</summary>
    private void Publish()
    {
        var (inFlight, connections) = _measure();
        var previous = _latest;
        _publishedAt = _time.GetTimestamp();
        _latest = new Link(new LoadReport
        {
            Sequence = ++_sequence,
            InFlight = inFlight,
            Connections = connections,
            Capacity = _options.Capacity,
            Phase = _phase,
        })
        {
            IsLast = _ended,
        };
        previous.SetNext();
    }

    private void End()
    {
        lock (_gate)
        {
            if (!_ended)
            {
                _ended = true;
                _phase = WorkerPhase.Draining;
                Publish();
            }
        }
    }

    /// <summary>A report, and the announcement of a newer one, which all watchers share. A slow watcher skips reports.</summary>
    private sealed class Link(LoadReport report)
    {
        private readonly TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public LoadReport Report { get; } = report;

        public Task Next => _next.Task;

        public bool IsLast { get; init; }

        public void SetNext() => _next.TrySetResult();
    }
}
