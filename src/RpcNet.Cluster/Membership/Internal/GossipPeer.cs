using System.Net;
using Microsoft.Extensions.Logging;
using RpcNet.Transports;

namespace RpcNet.Cluster.Membership;

/// <summary>
/// The outgoing side to one address: a short queue, one connection, opened on demand unless the peer has opened one, one
/// unidirectional stream a message.
/// </summary>
/// <remarks>Awaits keep the context that they find, so that what starts on the gossip's own thread stays there.</remarks>
internal sealed class GossipPeer
{
    private readonly GossipConnections _owner;
    private readonly Lock _lock = new();
    private readonly Queue<ReadOnlyMemory<byte>> _queue = new();
    private readonly List<ITransportConnection> _surplus = [];
    private ITransportConnection? _connection;
    private volatile bool _isBorrowing;
    private Task _pump = Task.CompletedTask;
    private Task _watch = Task.CompletedTask;
    private volatile bool _awaitsPool;
    private bool _pumping;
    private bool _closed;
    private TimeSpan _connectedAt;
    private TimeSpan _redialDelay;
    private TimeSpan _noDialUntil = TimeSpan.MinValue;

    public GossipPeer(GossipConnections owner, IPEndPoint address)
    {
        _owner = owner;
        Address = address;
        LastUsed = owner.Now;
    }

    public IPEndPoint Address { get; }

    public TimeSpan LastUsed { get; private set; }

    /// <summary>
    /// Whether a connect waits for the thread pool, which every engine needs for handshakes. Silence then says nothing about the peer.
    /// </summary>
    public bool IsHeldUp => _awaitsPool;

    /// <summary>Whether messages go over a connection that the peer opened.</summary>
    public bool IsBorrowing => _isBorrowing;

    /// <summary>Whether there is a connection that is no longer needed.</summary>
    public bool HasSurplus
    {
        get
        {
            lock (_lock)
            {
                return _surplus.Count > 0;
            }
        }
    }

    /// <summary>Notes that the peer uses this connection.</summary>
    /// <returns>Whether it is the one that messages to the peer go over.</returns>
    public bool Touch(ITransportConnection connection)
    {
        lock (_lock)
        {
            if (_connection != connection)
            {
                return false;
            }

            LastUsed = _owner.Now;
            return true;
        }
    }

    /// <summary>Lets messages go over a connection that the peer opened.</summary>
    /// <param name="connection">Belongs to who accepted it, or to the peer of the address at which it was dialled.</param>
    /// <param name="isPreferred">Whether it takes the place of one that was opened from here at the same time.</param>
    /// <returns>Whether they do so now.</returns>
    public bool Borrow(ITransportConnection connection, bool isPreferred)
    {
        lock (_lock)
        {
            var isDialling = _connection is null && _pumping;

            // A peer that opens one long after this side did does not know that one: it is a new process, or has given it up.
            var takesOver = isPreferred || _owner.Now - _connectedAt > _owner.Options.ConnectTimeout;
            if (_closed || isDialling || (_connection is not null && !_isBorrowing && !takesOver) || _surplus.Contains(connection))
            {
                return false;
            }

            if (_connection is not null && !_isBorrowing)
            {
                // What was sent last is still on its way: it is closed a little later.
                _surplus.Add(_connection);
            }

            _connection = connection;
            _isBorrowing = true;
            _noDialUntil = TimeSpan.MinValue;
            LastUsed = _owner.Now;
            return true;
        }
    }

    /// <summary>The connection that the peer opened has ended, or serves another address now.</summary>
    /// <returns>Whether messages went over it.</returns>
    public bool GiveBack(ITransportConnection connection)
    {
        lock (_lock)
        {
            if (_connection != connection)
            {
                return false;
            }

            _connection = null;
            _isBorrowing = false;
            return true;
        }
    }

    public async Task CloseSurplusAsync()
    {
        ITransportConnection[] surplus;
        lock (_lock)
        {
            surplus = [.. _surplus];
            _surplus.Clear();
        }

        foreach (var connection in surplus)
        {
            await connection.DisposeAsync().ConfigureAwait(true);
        }
    }

    /// <summary>Queues a message; a full queue loses its oldest one, a peer that just could not be reached the new one.</summary>
    public void Send(ReadOnlyMemory<byte> message)
    {
        lock (_lock)
        {
            LastUsed = _owner.Now;
            if (_closed || (_connection is null && !_pumping && _owner.Now < _noDialUntil))
            {
                _owner.CountDropped();
                return;
            }

            if (_queue.Count >= _owner.Options.SendQueueLength)
            {
                _queue.Dequeue();
                _owner.CountDropped();
            }

            _queue.Enqueue(message);
            if (!_pumping)
            {
                _pumping = true;
                _pump = _owner.Run(PumpAsync);
            }
        }
    }

    public async Task CloseAsync()
    {
        ITransportConnection? connection;
        lock (_lock)
        {
            _closed = true;
            _queue.Clear();
            connection = _isBorrowing ? null : _connection;
            _connection = null;
            _isBorrowing = false;
        }

        if (connection is not null)
        {
            await connection.DisposeAsync().ConfigureAwait(true);
        }

        await CloseSurplusAsync().ConfigureAwait(true);
        await _pump.ConfigureAwait(true);
        await _watch.ConfigureAwait(true);
    }

    private async Task PumpAsync()
    {
        try
        {
            await DrainAsync().ConfigureAwait(true);
        }
        catch (Exception e)
        {
            // Certificates that cannot be read, say: told, and tried again with the next message.
            ClusterLog.SendFailed(_owner.Logger, Address, e);
            lock (_lock)
            {
                _owner.CountDropped(1 + _queue.Count);
                _queue.Clear();
                _pumping = false;
                PutOffDialling();
            }
        }
    }

    private async Task DrainAsync()
    {
        while (true)
        {
            ReadOnlyMemory<byte> message;
            ITransportConnection? connection;
            lock (_lock)
            {
                if (!_queue.TryDequeue(out message))
                {
                    _pumping = false;
                    return;
                }

                connection = _connection;
            }

            connection ??= await DialAsync().ConfigureAwait(true);
            if (connection is null)
            {
                lock (_lock)
                {
                    // What waited for this attempt is old news by now; the protocol repeats what matters.
                    _owner.CountDropped(1 + _queue.Count);
                    _queue.Clear();
                    _pumping = false;
                    return;
                }
            }

            await WriteAsync(connection, message).ConfigureAwait(true);
        }
    }

    private async Task<ITransportConnection?> DialAsync()
    {
        using var timeout = _owner.Deadline(_owner.Options.ConnectTimeout);
        _awaitsPool = true;
        ThreadPool.UnsafeQueueUserWorkItem(static peer => peer._awaitsPool = false, this, preferLocal: false);
        string reason;
        try
        {
            var connection = await _owner.ConnectAsync(Address, timeout.Token).ConfigureAwait(true);
            bool isClosed;
            lock (_lock)
            {
                isClosed = _closed;
                if (!isClosed)
                {
                    _redialDelay = TimeSpan.Zero;
                    _connection = connection;
                    _connectedAt = _owner.Now;
                    _isBorrowing = false;
                }
            }

            if (isClosed)
            {
                await connection.DisposeAsync().ConfigureAwait(true);
                return null;
            }

            // Not under the lock: what is read here at once may come back to this peer.
            _watch = WatchAsync(connection, _watch);
            return connection;
        }
        catch (TransportException e)
        {
            reason = e.Message;
        }
        catch (OperationCanceledException)
        {
            reason = $"no answer within {_owner.Options.ConnectTimeout}";
        }

        lock (_lock)
        {
            PutOffDialling();
        }

        ClusterLog.DialFailed(_owner.Logger, Address, reason);
        return null;
    }

    private void PutOffDialling()
    {
        var delay = _redialDelay == TimeSpan.Zero ? _owner.Options.RedialDelay : 2 * _redialDelay;
        _redialDelay = delay < _owner.Options.MaxRedialDelay ? delay : _owner.Options.MaxRedialDelay;
        _noDialUntil = _owner.Now + _redialDelay;
    }

    private async Task WriteAsync(ITransportConnection connection, ReadOnlyMemory<byte> message)
    {
        using var timeout = _owner.Deadline(_owner.Options.SendTimeout);
        try
        {
            var stream = await connection.OpenStreamAsync(TransportStreamDirection.Unidirectional, timeout.Token).ConfigureAwait(true);
            await using (stream.ConfigureAwait(true))
            {
                await stream.WriteAsync(message, endStream: true, timeout.Token).ConfigureAwait(true);
            }

            _owner.CountSent(message.Length);
        }
        catch (TransportException e)
        {
            _owner.CountDropped();
            ClusterLog.StreamFailed(_owner.Logger, Address, e.Message);
            await DropAsync(connection).ConfigureAwait(true);
        }
        catch (OperationCanceledException)
        {
            // A connection that takes nothing for this long is stalled; a new one may do better.
            _owner.CountDropped();
            await DropAsync(connection).ConfigureAwait(true);
        }
    }

    /// <summary>
    /// Takes in what the peer sends over a connection that was opened here. Forgets it when it ended by itself and reports that: its
    /// peer may be gone.
    /// </summary>
    private async Task WatchAsync(ITransportConnection connection, Task previous)
    {
        var reading = ReadAsync(connection);
        await previous.ConfigureAwait(true);
        var reason = await connection.Closed.ConfigureAwait(true);
        bool unexpected;
        lock (_lock)
        {
            unexpected = !_closed && reason.Error != TransportError.Disposed;
        }

        await DropAsync(connection).ConfigureAwait(true);
        if (unexpected)
        {
            ClusterLog.ConnectionLost(_owner.Logger, Address, reason.Message);
            _owner.ReportLoss(Address);
        }

        await reading.ConfigureAwait(true);
        _owner.GiveBack(connection, unexpected);
    }

    private async Task ReadAsync(ITransportConnection connection)
    {
        try
        {
            await _owner.Read(connection, CancellationToken.None).ConfigureAwait(true);
        }
        catch (Exception e)
        {
            // A connection whose answers nobody reads would make its peer look dead.
            ClusterLog.ReceiveFailed(_owner.Logger, Address, e);
            await DropAsync(connection).ConfigureAwait(true);
        }
    }

    private async Task DropAsync(ITransportConnection connection)
    {
        lock (_lock)
        {
            if (_connection == connection)
            {
                _connection = null;
                _isBorrowing = false;
            }

            _surplus.Remove(connection);
        }

        await connection.DisposeAsync().ConfigureAwait(true);
    }
}
