using System.Net;
using Microsoft.Extensions.Logging;
using RpcNet.Transports;

namespace RpcNet.Cluster.Membership;

/// <summary>
/// The gossip connections that are written to: few, opened on demand, closed when idle. A connection that a peer opened to ask
/// something also carries what goes back, so that two nodes keep one between them.
/// </summary>
internal sealed class GossipConnections
{
    private readonly ITransport _transport;
    private readonly Func<EndPoint, TransportConnectOptions> _connectOptions;
    private static readonly TimeSpan ShortestIdleClose = TimeSpan.FromSeconds(3);

    private readonly TimeProvider _time;
    private readonly long _epoch;
    private readonly Lock _lock = new();
    private readonly Dictionary<IPEndPoint, GossipPeer> _peers = [];
    private readonly Dictionary<ITransportConnection, GossipPeer> _borrowed = [];
    private readonly List<Task> _closing = [];
    private readonly CancellationTokenSource _stop = new();
    private long _sent;
    private long _sentBytes;
    private long _dropped;
    private bool _closed;

    public GossipConnections(
        ITransport transport,
        Func<EndPoint, TransportConnectOptions> connectOptions,
        ClusterConnectionOptions options,
        TimeProvider time,
        ILogger logger,
        Func<Func<Task>, Task> run,
        Func<ITransportConnection, CancellationToken, Task> read,
        Action<IPEndPoint> reportLoss)
    {
        _transport = transport;
        _connectOptions = connectOptions;
        _time = time;
        _epoch = time.GetTimestamp();
        Options = options;
        Logger = logger;
        Run = run;
        Read = read;
        ReportLoss = reportLoss;
    }

    public ClusterConnectionOptions Options { get; }

    public ILogger Logger { get; }

    /// <summary>Starts what writes to a peer.</summary>
    public Func<Func<Task>, Task> Run { get; }

    /// <summary>Takes in what peers send over a connection that was opened here.</summary>
    public Func<ITransportConnection, CancellationToken, Task> Read { get; }

    public Action<IPEndPoint> ReportLoss { get; }

    public TimeSpan Now => _time.GetElapsedTime(_epoch);

    public long Sent => Interlocked.Read(ref _sent);

    public long SentBytes => Interlocked.Read(ref _sentBytes);

    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Addresses that may be written to without a dial, or have been lately.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _peers.Count;
            }
        }
    }

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
                KeepBelow(Options.MaxConnections);
                peer = new GossipPeer(this, to);
                _peers.Add(to, peer);
            }
        }

        peer.Send(message);
    }

    /// <summary>
    /// A message came over a connection. With <paramref name="sender"/>, where its sender takes answers, they go back over that
    /// connection, unless there is another one for them. What was read last from a connection that is gone lends it to nobody.
    /// </summary>
    public void Heard(ITransportConnection connection, IPEndPoint remote, IPEndPoint? sender, IPEndPoint local)
    {
        lock (_lock)
        {
            if (_closed)
            {
                return;
            }

            if (_peers.TryGetValue(sender ?? remote, out var peer) && peer.Touch(connection))
            {
                return;
            }

            if (sender is null || sender.Equals(local) || connection.Closed.IsCompleted)
            {
                return;
            }

            if (peer is null)
            {
                peer = new GossipPeer(this, sender);
                _peers.Add(sender, peer);
            }

            // Two nodes that dialled each other at once both settle for the connection that the lower address opened.
            if (peer.Borrow(connection, isPreferred: string.CompareOrdinal(sender.ToString(), local.ToString()) < 0))
            {
                if (_borrowed.TryGetValue(connection, out var former) && former != peer)
                {
                    // One sender behind a connection: it has moved, or goes through addresses.
                    former.GiveBack(connection);
                    if (_peers.TryGetValue(former.Address, out var known) && known == former)
                    {
                        Retire(former);
                    }
                }

                _borrowed[connection] = peer;
            }
        }
    }

    /// <summary>A connection ended, and everything that came over it has been read.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="isLost">Whether it fell silent; its peer may be gone.</param>
    public void GiveBack(ITransportConnection connection, bool isLost)
    {
        GossipPeer? peer;
        lock (_lock)
        {
            if (!_borrowed.Remove(connection, out peer) || !peer.GiveBack(connection))
            {
                return;
            }
        }

        if (isLost)
        {
            ReportLoss(peer.Address);
        }
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

    /// <summary>
    /// How long a connection may carry nothing before it is closed. In a large cluster the next message to a given member is far
    /// off, and keeping a connection costs more than opening it again.
    /// </summary>
    public static TimeSpan IdleCloseAmong(int members, ClusterConnectionOptions options)
    {
        var least = options.IdleClose < ShortestIdleClose ? options.IdleClose : ShortestIdleClose;
        var scaled = options.IdleClose / Math.Max(1, members / 32.0);
        return scaled > least ? scaled : least;
    }

    /// <summary>Closes what carried nothing for long; called now and then.</summary>
    public void CloseIdle(int members)
    {
        var idle = IdleCloseAmong(members, Options);
        lock (_lock)
        {
            var limit = Now - idle;
            foreach (var peer in _peers.Values.Where(p => p.LastUsed < limit).ToArray())
            {
                Retire(peer);
            }

            KeepBelow(Options.MaxConnections + 1);
            foreach (var peer in _peers.Values)
            {
                if (peer.HasSurplus)
                {
                    _closing.Add(Task.Run(peer.CloseSurplusAsync));
                }
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

    /// <summary>Makes sure that fewer connections than this were opened from here.</summary>
    private void KeepBelow(int count)
    {
        while (_peers.Values.Count(static p => !p.IsBorrowing) >= count)
        {
            Retire(_peers.Values.Where(static p => !p.IsBorrowing).MinBy(static p => p.LastUsed)!);
        }
    }

    private void Retire(GossipPeer peer)
    {
        _peers.Remove(peer.Address);
        _closing.Add(Task.Run(peer.CloseAsync));
    }
}
