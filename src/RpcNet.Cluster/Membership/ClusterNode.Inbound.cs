using System.Buffers;
using System.Net;
using RpcNet.Cluster.Swim;
using RpcNet.Transports;

namespace RpcNet.Cluster;

/// <summary>Inbound connections, which come from the process's one listener.</summary>
public sealed partial class ClusterNode
{
    private static readonly TimeSpan MalformedLogInterval = TimeSpan.FromSeconds(10);

    private long _malformed;
    private long _overflowed;
    private long _received;
    private long _nextMalformedLog;

    /// <summary>Messages dropped because they could not be read.</summary>
    public long MalformedMessages => Interlocked.Read(ref _malformed);

    /// <summary>Messages received and understood.</summary>
    public long ReceivedMessages => Interlocked.Read(ref _received);

    /// <summary>Messages sent.</summary>
    public long SentMessages => _connections.Sent;

    /// <summary>Bytes of the messages sent, without QUIC's own.</summary>
    public long SentBytes => _connections.SentBytes;

    /// <summary>
    /// Serves one inbound connection of ALPN <see cref="ClusterProtocol.Alpn"/> until it ends or the token is cancelled; then the
    /// connection is disposed. Never throws for what the peer does, only for a defect.
    /// </summary>
    public Task HandleConnectionAsync(ITransportConnection connection, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return _thread is null ? ServeAsync(connection, cancellationToken) : _thread.RunAsync(() => ServeAsync(connection, cancellationToken));
    }

    // Awaits here keep the context that they find, so that on the gossip's own thread they stay there.
    private async Task ServeAsync(ITransportConnection connection, CancellationToken cancellationToken)
    {
        await using (connection.ConfigureAwait(true))
        {
            TransportError? error = null;
            try
            {
                error = await ReadMessagesAsync(connection, cancellationToken).ConfigureAwait(true);
            }
            finally
            {
                _connections.GiveBack(connection, isLost: error == TransportError.ConnectionIdle);
            }
        }
    }

    /// <summary>Takes in what comes over a connection, whoever opened it, until it ends or the token is cancelled.</summary>
    /// <returns>Why it ended, or null when it was cancelled.</returns>
    private async Task<TransportError?> ReadMessagesAsync(ITransportConnection connection, CancellationToken cancellationToken)
    {
        var peer = connection.RemoteEndPoint;
        var streams = new HashSet<Task>();
        TransportError? error = null;
        try
        {
            while (true)
            {
                var stream = await connection.AcceptStreamAsync(cancellationToken).ConfigureAwait(true);
                streams.Add(ReadMessageAsync(stream, connection, peer, cancellationToken));
                if (streams.FirstOrDefault(static t => t.IsFaulted) is { } failed)
                {
                    await failed.ConfigureAwait(true);
                }

                streams.RemoveWhere(static t => t.IsCompleted);
            }
        }
        catch (TransportException e)
        {
            error = e.Error;
            ClusterLog.StreamFailed(_logger, peer, e.Message);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The host stops, and the connection with it.
        }

        await Task.WhenAll(streams).ConfigureAwait(true);
        return error;
    }

    private async Task ReadMessageAsync(ITransportStream stream, ITransportConnection connection, IPEndPoint peer, CancellationToken cancellationToken)
    {
        await using (stream.ConfigureAwait(true))
        {
            var buffer = ArrayPool<byte>.Shared.Rent(2048);
            var length = 0;
            try
            {
                while (await stream.ReadAsync(buffer.AsMemory(length), cancellationToken).ConfigureAwait(true) is var read and > 0)
                {
                    length += read;
                    if (length > SwimCodec.MaxMessageBytes)
                    {
                        CountMalformed(peer, $"it is longer than {SwimCodec.MaxMessageBytes} bytes");
                        return;
                    }

                    if (length == buffer.Length)
                    {
                        var larger = ArrayPool<byte>.Shared.Rent(2 * buffer.Length);
                        buffer.AsSpan(0, length).CopyTo(larger);
                        ArrayPool<byte>.Shared.Return(buffer);
                        buffer = larger;
                    }
                }

                Deliver(buffer.AsMemory(0, length), connection, peer);
            }
            catch (TransportException e)
            {
                ClusterLog.StreamFailed(_logger, peer, e.Message);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                // The host stops; half a message is no message.
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
    }

    private void Deliver(ReadOnlyMemory<byte> bytes, ITransportConnection connection, IPEndPoint peer)
    {
        if (!SwimCodec.TryDecode(bytes, _options.MaxTagBytes, out var message, out var reason))
        {
            CountMalformed(peer, reason);
            return;
        }

        if (message.Cluster == _clusterHash)
        {
            _connections.Heard(connection, peer, message.ReplyTo, _local.Address);
        }

        var limit = _options.Connections.ReceiveQueueLength;
        if (Interlocked.Increment(ref _waitingMessages) > limit)
        {
            Interlocked.Decrement(ref _waitingMessages);
            var dropped = Interlocked.Increment(ref _overflowed);
            if (MayLogNow())
            {
                ClusterLog.Overloaded(_logger, dropped, limit);
            }

            return;
        }

        Interlocked.Increment(ref _received);
        Post(new Input(InputKind.Message) { Message = message });
    }

    private void CountMalformed(IPEndPoint peer, string reason)
    {
        var count = Interlocked.Increment(ref _malformed);
        if (MayLogNow())
        {
            ClusterLog.Malformed(_logger, count, peer, reason);
        }
    }

    private bool MayLogNow()
    {
        var now = Now.Ticks;
        var next = Interlocked.Read(ref _nextMalformedLog);
        return now >= next && Interlocked.CompareExchange(ref _nextMalformedLog, now + MalformedLogInterval.Ticks, next) == next;
    }
}
