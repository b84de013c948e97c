using System.Net;
using Microsoft.Extensions.Logging;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// A listener: one socket and one I/O thread for all its connections. Disposal closes them, since they share the socket.
/// </summary>
internal sealed partial class Listener : ConnectionOwner, ITransportListener, IPacketSink
{
    private readonly TransportListenerOptions _options;
    private readonly Ngtcp2TransportOptions _engine;
    private readonly byte[] _secret;
    private readonly ILogger _logger;
    private readonly EndpointLoop _loop;
    private readonly UdpSocket _socket;
    private readonly AcceptQueue<Connection> _accepted = new();
    private readonly HashSet<Connection> _connections = [];
    private readonly Dictionary<CidKey, Connection> _routes = [];
    private int _halfOpen;
    private int _disposed;
    private bool _stopped;

    public Listener(
        TransportListenerOptions options, Ngtcp2TransportOptions engine, byte[] secret, ILogger logger, TimeProvider timeProvider)
    {
        _options = options;
        _engine = engine;
        _secret = secret;
        _logger = logger;
        _socket = UdpSocket.Bind(options.EndPoint, this, engine);
        LocalEndPoint = _socket.Local.ToEndPoint();
        _loop = new EndpointLoop($"ngtcp2 {LocalEndPoint}", engine, logger, timeProvider, _ => _stopped);
        _loop.Post(() => _loop.AddSocket(_socket));
        _loop.Start();
        Ngtcp2Log.Listening(logger, LocalEndPoint, NativeLibraries.Version);
    }

    public IPEndPoint LocalEndPoint { get; }

    public override ReadOnlySpan<byte> ResetKey => _secret;

    public async ValueTask<ITransportConnection> AcceptAsync(CancellationToken cancellationToken = default) =>
        await _accepted.TakeAsync(cancellationToken).ConfigureAwait(false);

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _accepted.Close(Failures.Disposed("The listener"));
            _loop.Post(Stop);
        }

        await _loop.Ended.ConfigureAwait(false);
        _socket.Dispose();
    }

    public override void AddRoute(CidKey id, Connection connection) => _routes[id] = connection;

    public override void RemoveRoute(CidKey id) => _routes.Remove(id);

    public override bool OnEstablished(Connection connection) => _accepted.TryAdd(connection, _options.Backlog);

    public override void OnHandshakeEnded() => _halfOpen--;

    public override void OnFinished(Connection connection, TransportException reason, bool wasEstablished)
    {
        if (!wasEstablished && !_stopped)
        {
            Ngtcp2Log.HandshakeFailed(_logger, connection.RemoteEndPoint, reason.Message);
        }
    }

    public override void OnFreed(Connection connection, UdpSocket socket) => _connections.Remove(connection);

    public void OnSocketError(int error)
    {
        // An unconnected socket reports nothing that concerns one connection.
    }

    private void Stop()
    {
        _stopped = true;
        foreach (var connection in _connections.ToArray())
        {
            connection.Abandon();
        }

        _loop.RemoveSocket(_socket);
    }
}
