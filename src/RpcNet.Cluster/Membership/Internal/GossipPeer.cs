using System.Net;
using Microsoft.Extensions.Logging;
using RpcNet.Transports;

namespace RpcNet.Cluster.Membership;

/// <summary>
/// The outgoing side to one address: a short queue, one connection opened on demand, one unidirectional stream a message.
/// </summary>
/// <remarks>Awaits keep the context that they find, so that what starts on the gossip's own thread stays there.</remarks>
internal sealed class GossipPeer
{
    private readonly GossipConnections _owner;
    private readonly Lock _lock = new();
    private readonly Queue<ReadOnlyMemory<byte>> _queue = new();
    private ITransportConnection? _connection;
    private Task _pump = Task.CompletedTask;
    private Task _watch = Task.CompletedTask;
    private volatile bool _awaitsPool;
    private bool _pumping;
    private bool _closed;
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
                _owner.CountActive(1);
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
            connection = _connection;
            _connection = null;
        }

        if (connection is not null)
        {
            await connection.DisposeAsync().ConfigureAwait(true);
        }

        await _pump.ConfigureAwait(true);
        await _watch.ConfigureAwait(true);
    }

    private async Task PumpAsync()
    {
        try
        {
            await DrainAsync().ConfigureAwait(true);
        }
        finally
        {
            _owner.CountActive(-1);
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
        _owner.CountDialling(1);
        try
        {
            var connection = await _owner.ConnectAsync(Address, timeout.Token).ConfigureAwait(true);
            lock (_lock)
            {
                if (!_closed)
                {
                    _redialDelay = TimeSpan.Zero;
                    _connection = connection;
                    _watch = WatchAsync(connection, _watch);
                    return connection;
                }
            }

            await connection.DisposeAsync().ConfigureAwait(true);
            return null;
        }
        catch (TransportException e)
        {
            reason = e.Message;
        }
        catch (OperationCanceledException)
        {
            reason = $"no answer within {_owner.Options.ConnectTimeout}";
        }
        finally
        {
            _owner.CountDialling(-1);
        }

        lock (_lock)
        {
            var delay = _redialDelay == TimeSpan.Zero ? _owner.Options.RedialDelay : 2 * _redialDelay;
            _redialDelay = delay < _owner.Options.MaxRedialDelay ? delay : _owner.Options.MaxRedialDelay;
            _noDialUntil = _owner.Now + _redialDelay;
        }

        ClusterLog.DialFailed(_owner.Logger, Address, reason);
        return null;
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

    /// <summary>Forgets a connection that ended by itself and reports it: its peer may be gone.</summary>
    private async Task WatchAsync(ITransportConnection connection, Task previous)
    {
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
    }

    private async Task DropAsync(ITransportConnection connection)
    {
        lock (_lock)
        {
            if (_connection == connection)
            {
                _connection = null;
            }
        }

        await connection.DisposeAsync().ConfigureAwait(true);
    }
}
