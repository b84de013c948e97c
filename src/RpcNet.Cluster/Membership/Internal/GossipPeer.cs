using System.Net;
using Microsoft.Extensions.Logging;
using RpcNet.Transports;

namespace RpcNet.Cluster.Membership;

/// <summary>
/// The outgoing side to one address: a short queue, one connection opened on demand, one unidirectional stream a message.
/// </summary>
internal sealed class GossipPeer
{
    private readonly GossipConnections _owner;
    private readonly Lock _lock = new();
    private readonly Queue<ReadOnlyMemory<byte>> _queue = new();
    private ITransportConnection? _connection;
    private Task _pump = Task.CompletedTask;
    private Task _watch = Task.CompletedTask;
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
                _pump = Task.Run(PumpAsync);
            }
        }
    }

    /// <summary>Completes when everything queued before has been handed to the connection or dropped.</summary>
    public Task FlushAsync()
    {
        lock (_lock)
        {
            return _pump;
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
            await connection.DisposeAsync().ConfigureAwait(false);
        }

        await _pump.ConfigureAwait(false);
        await _watch.ConfigureAwait(false);
    }

    private async Task PumpAsync()
    {
        try
        {
            await DrainAsync().ConfigureAwait(false);
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

            connection ??= await DialAsync().ConfigureAwait(false);
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

            await WriteAsync(connection, message).ConfigureAwait(false);
        }
    }

    private async Task<ITransportConnection?> DialAsync()
    {
        using var timeout = _owner.Deadline(_owner.Options.ConnectTimeout);
        string reason;
        try
        {
            var connection = await _owner.ConnectAsync(Address, timeout.Token).ConfigureAwait(false);
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

            await connection.DisposeAsync().ConfigureAwait(false);
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
            var stream = await connection.OpenStreamAsync(TransportStreamDirection.Unidirectional, timeout.Token).ConfigureAwait(false);
            await using (stream.ConfigureAwait(false))
            {
                await stream.WriteAsync(message, endStream: true, timeout.Token).ConfigureAwait(false);
            }

            _owner.CountSent(message.Length);
        }
        catch (TransportException e)
        {
            _owner.CountDropped();
            ClusterLog.StreamFailed(_owner.Logger, Address, e.Message);
            await DropAsync(connection).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // A connection that takes nothing for this long is stalled; a new one may do better.
            _owner.CountDropped();
            await DropAsync(connection).ConfigureAwait(false);
        }
    }

    /// <summary>Forgets a connection that ended by itself and reports it: its peer may be gone.</summary>
    private async Task WatchAsync(ITransportConnection connection, Task previous)
    {
        await previous.ConfigureAwait(false);
        var reason = await connection.Closed.ConfigureAwait(false);
        bool unexpected;
        lock (_lock)
        {
            unexpected = !_closed && reason.Error != TransportError.Disposed;
        }

        await DropAsync(connection).ConfigureAwait(false);
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

        await connection.DisposeAsync().ConfigureAwait(false);
    }
}
