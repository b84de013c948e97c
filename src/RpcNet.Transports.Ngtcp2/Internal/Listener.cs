using System.Net;
using Microsoft.Extensions.Logging;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>Accepts the connections of one address under one set of options, on one I/O thread or several.</summary>
internal sealed class Listener : ITransportListener
{
    private readonly PortGroup _group;
    private readonly ListenerShard[] _shards;
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _disposed;

    public Listener(
        TransportListenerOptions options, Ngtcp2TransportOptions engine, byte[] secret, ILogger logger, TimeProvider timeProvider)
    {
        Options = options;
        Engine = engine;
        Secret = secret;
        Logger = logger;
        TicketKeys = engine.SessionTickets ? new TicketKeys(engine.SessionTicketKey ?? (() => secret)) : null;
        EarlyTickets = engine.AcceptEarlyData && options.EarlyDataProtocols.Count > 0
            ? new EarlyTickets(options.EarlyDataProtocols, timeProvider)
            : null;
        _group = PortGroup.Claim(options.EndPoint, engine, logger, timeProvider);
        _shards = [.. _group.Ports.Select(port => new ListenerShard(this, port))];
        Ngtcp2Log.Listening(logger, LocalEndPoint, NativeLibraries.Version);
    }

    public TransportListenerOptions Options { get; }

    public Ngtcp2TransportOptions Engine { get; }

    public ILogger Logger { get; }

    /// <summary>The key behind stateless reset tokens and address tokens.</summary>
    public byte[] Secret { get; }

    /// <summary>What session tickets are encrypted with; null when none are issued.</summary>
    public TicketKeys? TicketKeys { get; }

    /// <summary>The tickets that allow early data; null takes none.</summary>
    public EarlyTickets? EarlyTickets { get; }

    public IPEndPoint LocalEndPoint => _group.LocalEndPoint;

    public bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    /// <summary>Established connections that nobody has taken yet.</summary>
    public AcceptQueue<Connection> Accepted { get; } = new();

    /// <summary>Handshakes under way, as of about now.</summary>
    public int HalfOpen => _shards.Sum(static shard => shard.HalfOpen);

    /// <summary>The sockets that share the address.</summary>
    public IReadOnlyList<ListenerPort> Ports => _group.Ports;

    /// <summary>Packets that arrived on another thread than their connection's.</summary>
    public long HandedOn => _group.Ports.Sum(static port => port.HandedOn);

    public async ValueTask<ITransportConnection> AcceptAsync(CancellationToken cancellationToken = default) =>
        await Accepted.TakeAsync(cancellationToken).ConfigureAwait(false);

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            await _stopped.Task.ConfigureAwait(false);
            return;
        }

        var untaken = Accepted.Close(Failures.Disposed("The listener"));
        var closed = await Task.WhenAll(_shards.Select(shard => shard.CloseAsync(untaken))).ConfigureAwait(false);

        // What only waits out its final period does not keep the port.
        var end = Array.TrueForAll(closed, static nothingLives => nothingLives);
        if (end)
        {
            await Task.WhenAll(_shards.Select(static shard => shard.AbandonAsync())).ConfigureAwait(false);
        }

        _group.Release(end);
        if (end)
        {
            await Task.WhenAll(_group.Ports.Select(static port => port.Loop.Ended)).ConfigureAwait(false);
        }

        _stopped.SetResult();
    }
}
