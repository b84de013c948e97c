using System.Net;
using Microsoft.Extensions.Logging;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>Accepts the connections of one port under one set of options.</summary>
internal sealed class Listener : ConnectionOwner, ITransportListener
{
    private readonly byte[] _secret;
    private readonly ILogger _logger;
    private readonly ListenerPort _port;
    private readonly AcceptQueue<Connection> _accepted = new();
    private readonly HashSet<Connection> _connections = [];
    private readonly TaskCompletionSource<bool> _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _disposed;

    public Listener(
        TransportListenerOptions options, Ngtcp2TransportOptions engine, byte[] secret, ILogger logger, TimeProvider timeProvider)
    {
        Options = options;
        Engine = engine;
        _secret = secret;
        TicketKeys = engine.SessionTickets ? new TicketKeys(engine.SessionTicketKey ?? (() => _secret)) : null;
        _logger = logger;
        _port = ListenerPort.Claim(options.EndPoint, engine, logger, timeProvider);
        _port.Attach(this);
        Ngtcp2Log.Listening(logger, LocalEndPoint, NativeLibraries.Version);
    }

    public TransportListenerOptions Options { get; }

    public Ngtcp2TransportOptions Engine { get; }

    /// <summary>What session tickets are encrypted with; null when none are issued.</summary>
    public TicketKeys? TicketKeys { get; }

    public IPEndPoint LocalEndPoint => _port.LocalEndPoint;

    public override ReadOnlySpan<byte> ResetKey => _secret;

    /// <summary>Handshakes under way. Loop's thread.</summary>
    public int HalfOpen { get; set; }

    /// <summary>Connections that wait to be taken.</summary>
    public int Waiting => _accepted.Count;

    public async ValueTask<ITransportConnection> AcceptAsync(CancellationToken cancellationToken = default) =>
        await _accepted.TakeAsync(cancellationToken).ConfigureAwait(false);

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            var untaken = _accepted.Close(Failures.Disposed("The listener"));
            _port.Loop.Post(() => Stop(untaken));
        }

        if (await _stopped.Task.ConfigureAwait(false))
        {
            await _port.Loop.Ended.ConfigureAwait(false);
        }
    }

    public void Add(Connection connection) => _connections.Add(connection);

    public override void AddRoute(CidKey id, Connection connection) => _port.AddRoute(id, connection);

    public override void RemoveRoute(CidKey id) => _port.RemoveRoute(id);

    public override bool OnEstablished(Connection connection) => _accepted.TryAdd(connection, Options.Backlog);

    public override void OnHandshakeEnded() => HalfOpen--;

    public override void OnFinished(Connection connection, TransportException reason, bool wasEstablished)
    {
        if (!wasEstablished && _disposed == 0)
        {
            Ngtcp2Log.HandshakeFailed(_logger, connection.RemoteEndPoint, reason.Message);
        }
    }

    public override void OnFreed(Connection connection, UdpSocket socket) => _connections.Remove(connection);

    /// <summary>Writes a token with which the client may show on a later connection that it receives at its address.</summary>
    /// <returns>Its length; 0 when there is none to give.</returns>
    public unsafe int WriteAddressToken(byte* token, in SockAddr remote, EndpointLoop loop)
    {
        if (Engine.AddressTokenLifetime == TimeSpan.Zero)
        {
            return 0;
        }

        fixed (byte* secret = _secret)
        fixed (SockAddr* address = &remote)
        {
            var length = NgCrypto.GenerateRegularToken(
                token, secret, (nuint)_secret.Length, (byte*)address, address->Length, loop.WallClock());
            return (int)Math.Max(length, 0);
        }
    }

    public void LogAcceptFailure(SockAddr remote, Exception e) => Ngtcp2Log.AcceptFailed(_logger, remote.ToEndPoint(), e);

    private void Stop(List<Connection> untaken)
    {
        foreach (var connection in untaken)
        {
            connection.CloseLocally(
                Failures.Disposed("The listener"), (ulong)Options.DefaultCloseErrorCode, application: true);
        }

        var live = false;
        foreach (var connection in _connections.ToArray())
        {
            if (connection.IsEstablished)
            {
                live |= connection.IsLive;
            }
            else
            {
                connection.CloseLocally(Failures.Disposed("The listener"), QuicError.ConnectionRefused, application: false);
            }
        }

        // What only waits out its final period does not keep the port.
        var end = !live && _port.HasNoConnectionBut(this);
        if (end)
        {
            foreach (var connection in _connections.ToArray())
            {
                connection.Abandon();
            }
        }

        _port.Detach(end);
        _stopped.SetResult(end);
    }

    /// <summary>Connections not yet freed. Loop's thread.</summary>
    public int ConnectionCount => _connections.Count;
}
