using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>A listener's part on one I/O thread: the connections there. All on that thread but the tasks it returns.</summary>
internal sealed class ListenerShard : ConnectionOwner
{
    private readonly Listener _listener;
    private readonly ListenerPort _port;
    private readonly HashSet<Connection> _connections = [];

    public ListenerShard(Listener listener, ListenerPort port)
    {
        _listener = listener;
        _port = port;
        port.Attach(this);
    }

    public TransportListenerOptions Options => _listener.Options;

    public Ngtcp2TransportOptions Engine => _listener.Engine;

    public TicketKeys? TicketKeys => _listener.TicketKeys;

    public EarlyTickets? EarlyTickets => _listener.EarlyTickets;

    public override ReadOnlySpan<byte> ResetKey => _listener.Secret;

    /// <summary>Handshakes under way.</summary>
    public int HalfOpen { get; set; }

    /// <summary>Handshakes that failed lately.</summary>
    public FailedHandshakes Failed { get; } = new();

    /// <summary>Connections that wait to be taken.</summary>
    public int Waiting => _listener.Accepted.Count;

    /// <summary>Connections not yet freed.</summary>
    public int ConnectionCount => _connections.Count;

    public void Add(Connection connection) => _connections.Add(connection);

    public override unsafe void NewId(NgCid* id)
    {
        base.NewId(id);
        id->Data[0] = _port.Mark(id->Data[0]);
    }

    public override void AddRoute(CidKey id, Connection connection) => _port.AddRoute(id, connection);

    public override void RemoveRoute(CidKey id) => _port.RemoveRoute(id);

    public override bool OnEstablished(Connection connection) => _listener.Accepted.TryAdd(connection, Options.Backlog);

    public override void OnHandshakeEnded() => HalfOpen--;

    public override void OnFinished(Connection connection, TransportException reason, bool wasEstablished)
    {
        if (wasEstablished || _listener.IsDisposed)
        {
            return;
        }

        var log = Failed.Add(_port.Loop.Now, out var unlogged);
        if (unlogged > 0)
        {
            Ngtcp2Log.MoreHandshakesFailed(_listener.Logger, unlogged, _listener.LocalEndPoint);
        }

        if (log)
        {
            Ngtcp2Log.HandshakeFailed(_listener.Logger, connection.RemoteEndPoint, reason.Message);
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

        fixed (byte* secret = _listener.Secret)
        fixed (SockAddr* address = &remote)
        {
            var length = NgCrypto.GenerateRegularToken(
                token, secret, (nuint)_listener.Secret.Length, (byte*)address, address->Length, loop.WallClock());
            return (int)Math.Max(length, 0);
        }
    }

    public void LogAcceptFailure(SockAddr remote, Exception e) => Ngtcp2Log.AcceptFailed(_listener.Logger, remote.ToEndPoint(), e);

    /// <summary>Takes no more connections and closes those that nobody has; true when none lives on the port. Any thread.</summary>
    public Task<bool> CloseAsync(IReadOnlyList<Connection> untaken) => OnLoopAsync(() =>
    {
        _port.Detach();
        foreach (var connection in untaken)
        {
            if (connection.Loop == _port.Loop)
            {
                connection.CloseLocally(Failures.Disposed("The listener"), (ulong)Options.DefaultCloseErrorCode, application: true);
            }
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

        return !live && _port.HasNoConnectionBut(this);
    });

    /// <summary>Frees what is left. Any thread.</summary>
    public Task AbandonAsync() => OnLoopAsync(() =>
    {
        foreach (var connection in _connections.ToArray())
        {
            connection.Abandon();
        }

        return true;
    });

    private Task<bool> OnLoopAsync(Func<bool> work)
    {
        var done = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        _port.Loop.Post(() => done.SetResult(work()));
        return done.Task;
    }
}
