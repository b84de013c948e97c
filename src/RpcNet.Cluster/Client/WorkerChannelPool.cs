using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RpcNet.Client;
using RpcNet.Cluster.Client;
using RpcNet.Transports;

namespace RpcNet.Cluster;

/// <summary>
/// A channel to each worker in use: opened when the worker comes, closed at once when membership finds it failed, after its last
/// call when it left, and after a while without use.
/// </summary>
/// <remarks>All members may be called concurrently.</remarks>
public sealed class WorkerChannelPool : IAsyncDisposable
{
    private readonly Func<IPEndPoint, WorkerChannel> _create;
    private readonly WorkerChannelPoolOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<Worker, Entry> _entries = new(ReferenceEqualityComparer.Instance);
    private readonly BackgroundTasks _background = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _warming = new(8);
    private readonly Lock _gate = new();
    private readonly ITimer _timer;
    private Task? _disposal;

    /// <summary>Creates an empty pool.</summary>
    /// <param name="transport">The engine.</param>
    /// <param name="configure">Gives the options of the channel to an address.</param>
    /// <param name="options">How many connections, and how long; null takes the defaults.</param>
    /// <param name="loggerFactory">Where to log.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <param name="seed">The seed of the jitter of reconnects; null takes one from the clock.</param>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public WorkerChannelPool(
        ITransport transport,
        Func<EndPoint, RpcChannelOptions> configure,
        WorkerChannelPoolOptions? options = null,
        ILoggerFactory? loggerFactory = null,
        TimeProvider? timeProvider = null,
        int? seed = null)
        : this(ChannelsOver(transport, configure, loggerFactory, timeProvider ?? TimeProvider.System, seed), options, loggerFactory, timeProvider)
    {
    }

    internal WorkerChannelPool(
        Func<IPEndPoint, WorkerChannel> create,
        WorkerChannelPoolOptions? options = null,
        ILoggerFactory? loggerFactory = null,
        TimeProvider? timeProvider = null)
    {
        _create = create;
        _options = options ?? new WorkerChannelPoolOptions();
        if (_options.Validate().FirstOrDefault() is { } complaint)
        {
            throw new ArgumentException(complaint, nameof(options));
        }

        _time = timeProvider ?? TimeProvider.System;
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<WorkerChannelPool>();
        var interval = _options.IdleTimeout / 4;
        _timer = _time.CreateTimer(static pool => ((WorkerChannelPool)pool!).EvictIdle(), this, interval, interval);
    }

    /// <summary>How many workers have a channel.</summary>
    public int Count => _entries.Count;

    /// <summary>Closes all channels; calls in flight fail with Unavailable.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _disposal ??= StopAsync();
        }

        return new ValueTask(_disposal);
    }

    /// <summary>
    /// The channel of a worker, opened if need be. It stays open at least until the use is disposed, unless membership finds the
    /// worker failed.
    /// </summary>
    /// <exception cref="RpcFaultException">
    /// Unavailable, nothing sent: the worker is gone, or all channels that the pool may have are in use.
    /// </exception>
    internal ChannelUse Use(Worker worker)
    {
        while (true)
        {
            if (!_entries.TryGetValue(worker, out var entry))
            {
                entry = Add(worker);
            }

            if (entry.TryEnter(_time.GetTimestamp()))
            {
                return new ChannelUse(this, entry);
            }

            // Closed between the look-up and the entry: the next round opens another one.
            _entries.TryRemove(new(worker, entry));
        }
    }

    /// <summary>Connects ahead of the first call.</summary>
    internal void Warm(Worker worker)
    {
        if (_entries.Count < _options.WarmChannels && !_stopping.IsCancellationRequested)
        {
            _background.Add(WarmAsync(worker));
        }
    }

    /// <summary>The worker is gone: closes its channel, at once or after its calls.</summary>
    /// <param name="worker">Which.</param>
    /// <param name="reason">Why, such as "it failed".</param>
    /// <param name="failed">Whether to close at once.</param>
    internal void Retire(Worker worker, string reason, bool failed)
    {
        if (_entries.TryRemove(worker, out var entry))
        {
            _background.Add(CloseAsync(entry, worker, $"{worker.Label} is gone, {reason}", failed ? TimeSpan.Zero : _options.DrainTimeout));
        }
    }

    private static Func<IPEndPoint, WorkerChannel> ChannelsOver(
        ITransport transport, Func<EndPoint, RpcChannelOptions> configure, ILoggerFactory? loggerFactory, TimeProvider time, int? seed)
    {
        ArgumentNullException.ThrowIfNull(transport);
        ArgumentNullException.ThrowIfNull(configure);
        var random = new Registry.RandomSource((ulong?)seed ?? (ulong)time.GetTimestamp());
        return address => new RpcWorkerChannel(new RpcChannel(
            transport, configure(address), loggerFactory, time, new Random(random.Next(int.MaxValue))));
    }

    private Entry Add(Worker worker)
    {
        lock (_gate)
        {
            if (_disposal is not null || worker.State == WorkerState.Gone)
            {
                throw Unavailable(_disposal is not null ? "The pool of connections is closed." : $"{worker.Label} at {worker.Address} is gone.");
            }

            if (_entries.TryGetValue(worker, out var entry))
            {
                return entry;
            }

            if (_entries.Count >= _options.MaxChannels && !TryEvictOldest())
            {
                throw Unavailable($"All {_options.MaxChannels} connections that RpcNet:Cluster:Pool:MaxChannels allows are in use.");
            }

            entry = new Entry(_create(worker.Address), _time.GetTimestamp());
            _entries[worker] = entry;
            return entry;
        }

        static RpcFaultException Unavailable(string message) => new(RpcStatusCode.Unavailable, message) { MayHaveExecuted = false };
    }

    private bool TryEvictOldest()
    {
        foreach (var (worker, entry) in _entries.OrderBy(static e => e.Value.LastUsed).ToList())
        {
            if (entry.TryClose() && _entries.TryRemove(new(worker, entry)))
            {
                _background.Add(CloseAsync(entry, worker, "it gave way to another one"));
                return true;
            }
        }

        return false;
    }

    private void EvictIdle()
    {
        foreach (var (worker, entry) in _entries)
        {
            if (_time.GetElapsedTime(entry.LastUsed) >= _options.IdleTimeout && entry.TryClose() && _entries.TryRemove(new(worker, entry)))
            {
                RoutingLog.ChannelIdle(_logger, worker.Label, worker.Address);
                _background.Add(CloseAsync(entry, worker, "it was not used"));
            }
        }
    }

    private async Task WarmAsync(Worker worker)
    {
        try
        {
            await _warming.WaitAsync(_stopping.Token).ConfigureAwait(false);
            try
            {
                using var use = Use(worker);
                await use.Channel.ConnectAsync(_stopping.Token).ConfigureAwait(false);
            }
            finally
            {
                _warming.Release();
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The pool is being closed.
        }
        catch (RpcFaultException e)
        {
            RoutingLog.WarmingFailed(_logger, worker.Label, worker.Address, e.Message);
        }
    }

    private async Task CloseAsync(Entry entry, Worker worker, string reason, TimeSpan drain)
    {
        entry.Close();
        if (drain > TimeSpan.Zero)
        {
            await entry.Unused.WaitAsync(drain, _time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await CloseAsync(entry, worker, reason).ConfigureAwait(false);
    }

    private async Task CloseAsync(Entry entry, Worker worker, string reason)
    {
        try
        {
            await entry.Channel.CloseAsync(reason).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            RoutingLog.ChannelDisposalFailed(_logger, worker.Label, e);
        }
    }

    private async Task StopAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _timer.DisposeAsync().ConfigureAwait(false);
        foreach (var (worker, _) in _entries)
        {
            if (_entries.TryRemove(worker, out var entry))
            {
                _background.Add(CloseAsync(entry, worker, "the pool of connections is being disposed", TimeSpan.Zero));
            }
        }

        await _background.WhenDoneAsync().ConfigureAwait(false);
        _stopping.Dispose();
        _warming.Dispose();
    }

    /// <summary>A channel and how many use it.</summary>
    internal sealed class Entry(WorkerChannel channel, long createdAt)
    {
        private readonly Lock _gate = new();
        private readonly TaskCompletionSource _unused = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private long _lastUsed = createdAt;
        private int _users;
        private bool _closed;

        public WorkerChannel Channel { get; } = channel;

        public long LastUsed => Volatile.Read(ref _lastUsed);

        /// <summary>Completes when the entry is closed and has no user left.</summary>
        public Task Unused => _unused.Task;

        public bool TryEnter(long now)
        {
            lock (_gate)
            {
                if (_closed)
                {
                    return false;
                }

                _users++;
                _lastUsed = now;
                return true;
            }
        }

        public void Leave(long now)
        {
            lock (_gate)
            {
                _lastUsed = now;
                if (--_users == 0 && _closed)
                {
                    _unused.TrySetResult();
                }
            }
        }

        /// <summary>Admits no new user.</summary>
        public void Close()
        {
            lock (_gate)
            {
                _closed = true;
                if (_users == 0)
                {
                    _unused.TrySetResult();
                }
            }
        }

        /// <summary>Closes the entry if nobody uses it.</summary>
        public bool TryClose()
        {
            lock (_gate)
            {
                if (_users > 0 || _closed)
                {
                    return false;
                }

                _closed = true;
                return true;
            }
        }
    }

    /// <summary>Keeps a channel open. Disposed once.</summary>
    internal readonly struct ChannelUse(WorkerChannelPool pool, Entry entry) : IDisposable
    {
        public WorkerChannel Channel => entry.Channel;

        public RpcInvoker Invoker => entry.Channel.Invoker;

        public void Dispose() => entry.Leave(pool._time.GetTimestamp());
    }
}
