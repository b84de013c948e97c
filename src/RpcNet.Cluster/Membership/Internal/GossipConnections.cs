using System.Net;
using Microsoft.Extensions.Logging;
using RpcNet.Transports;

namespace RpcNet.Cluster.Membership;

/// <summary>All outgoing gossip connections: few, on demand, closed when idle.</summary>
internal sealed class GossipConnections
{
    private readonly ITransport _transport;
    private readonly Func<EndPoint, TransportConnectOptions> _connectOptions;
    private readonly TimeProvider _time;
    private readonly long _epoch;
    private readonly Lock _lock = new();
    private readonly Dictionary<IPEndPoint, GossipPeer> _peers = [];
    private readonly List<Task> _closing = [];
    private readonly CancellationTokenSource _stop = new();
    private long _sent;
    private long _sentBytes;
    private long _dropped;
    private int _active;
    private int _dialling;
    private bool _closed;

    public GossipConnections(
        ITransport transport,
        Func<EndPoint, TransportConnectOptions> connectOptions,
        ClusterConnectionOptions options,
        TimeProvider time,
        ILogger logger,
        Func<Func<Task>, Task> run,
        Action<IPEndPoint> reportLoss)
    {
        _transport = transport;
        _connectOptions = connectOptions;
        _time = time;
        _epoch = time.GetTimestamp();
        Options = options;
        Logger = logger;
        Run = run;
        ReportLoss = reportLoss;
    }

    public ClusterConnectionOptions Options { get; }

    public ILogger Logger { get; }

    /// <summary>Starts what writes to a peer.</summary>
    public Func<Func<Task>, Task> Run { get; }

    public Action<IPEndPoint> ReportLoss { get; }

    public TimeSpan Now => _time.GetElapsedTime(_epoch);

    public long Sent => Interlocked.Read(ref _sent);

    public long SentBytes => Interlocked.Read(ref _sentBytes);

    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Peers that are being written or dialled to at this moment.</summary>
    public int Active => Volatile.Read(ref _active);

    /// <summary>Of these, those that wait for a connect.</summary>
    public int Dialling => Volatile.Read(ref _dialling);

    public void CountDialling(int by) => Interlocked.Add(ref _dialling, by);

    public void CountActive(int by) => Interlocked.Add(ref _active, by);

    public void Send(IPEndPoint to, ReadOnlyMemory<byte> message)
    {
        GossipPeer? peer;
        lock (_lock)
        {
            if (_closed)
            {
                return;
            }

            if (!_peers.TryGetValue(to, out peer))
            {
                if (_peers.Count >= Options.MaxConnections)
                {
                    Retire(_peers.Values.MinBy(static p => p.LastUsed)!);
                }

                peer = new GossipPeer(this, to);
                _peers.Add(to, peer);
            }
        }

        peer.Send(message);
    }

    /// <summary>Whether what was sent to an address still waits for this process's thread pool.</summary>
    public bool IsHeldUp(IPEndPoint to)
    {
        lock (_lock)
        {
            return _peers.TryGetValue(to, out var peer) && peer.IsHeldUp;
        }
    }

    /// <summary>Closes the connection to an address whose process is gone: a new process there does not know it.</summary>
    public void Forget(IPEndPoint address)
    {
        lock (_lock)
        {
            if (_peers.TryGetValue(address, out var peer))
            {
                Retire(peer);
            }
        }
    }

    /// <summary>Closes what carried nothing for long; called now and then.</summary>
    public void CloseIdle()
    {
        lock (_lock)
        {
            var limit = Now - Options.IdleClose;
            foreach (var peer in _peers.Values.Where(p => p.LastUsed < limit).ToArray())
            {
                Retire(peer);
            }

            _closing.RemoveAll(static t => t.IsCompletedSuccessfully);
        }
    }

    public async Task CloseAsync()
    {
        Task[] closing;
        lock (_lock)
        {
            _closed = true;
            foreach (var peer in _peers.Values.ToArray())
            {
                Retire(peer);
            }

            closing = [.. _closing];
        }

        await _stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(closing).ConfigureAwait(false);
        _stop.Dispose();
    }

    public ValueTask<ITransportConnection> ConnectAsync(IPEndPoint address, CancellationToken cancellationToken) =>
        _transport.ConnectAsync(_connectOptions(address), cancellationToken);

    /// <summary>A token that is cancelled after the timeout or when all connections close.</summary>
    public Deadline Deadline(TimeSpan timeout) => new(timeout, _time, _stop.Token);

    public void CountSent(int bytes)
    {
        Interlocked.Increment(ref _sent);
        Interlocked.Add(ref _sentBytes, bytes);
    }

    public void CountDropped(int count = 1) => Interlocked.Add(ref _dropped, count);

    private void Retire(GossipPeer peer)
    {
        _peers.Remove(peer.Address);
        _closing.Add(Task.Run(peer.CloseAsync));
    }
}
