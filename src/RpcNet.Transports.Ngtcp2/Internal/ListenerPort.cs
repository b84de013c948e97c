using System.Net;
using Microsoft.Extensions.Logging;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// A bound socket, its I/O thread and the routes to the connections behind it. It serves one listener at a time and, after
/// that listener's disposal, the connections that were taken from it; a new listener of this process may then take the
/// address over.
/// </summary>
internal sealed partial class ListenerPort : IPacketSink
{
    private static readonly Lock s_gate = new();
    private static readonly Dictionary<IPEndPoint, ListenerPort> s_ports = [];

    private readonly Dictionary<CidKey, Connection> _routes = [];
    private readonly UdpSocket _socket;
    private Listener? _listener;
    private bool _claimed = true;

    private ListenerPort(IPEndPoint endPoint, Ngtcp2TransportOptions engine, ILogger logger, TimeProvider timeProvider)
    {
        _socket = UdpSocket.Bind(endPoint, this, engine);
        LocalEndPoint = _socket.Local.ToEndPoint();
        Loop = new EndpointLoop($"ngtcp2 {LocalEndPoint}", engine, logger, timeProvider, MayEnd);
        Loop.Post(() => Loop.AddSocket(_socket));
        Loop.Start();
    }

    public IPEndPoint LocalEndPoint { get; }

    public EndpointLoop Loop { get; }

    /// <summary>Binds the address, or takes over one whose listener is gone and whose connections are not.</summary>
    public static ListenerPort Claim(
        IPEndPoint endPoint, Ngtcp2TransportOptions engine, ILogger logger, TimeProvider timeProvider)
    {
        lock (s_gate)
        {
            if (s_ports.TryGetValue(endPoint, out var port) && !port._claimed)
            {
                port._claimed = true;
                return port;
            }

            port = new ListenerPort(endPoint, engine, logger, timeProvider);
            s_ports.Add(port.LocalEndPoint, port);
            return port;
        }
    }

    /// <summary>New connections belong to this listener from now on.</summary>
    public void Attach(Listener listener) => Loop.Post(() => _listener = listener);

    /// <summary>Takes no new connections. With <paramref name="end"/> the socket goes too. Loop's thread.</summary>
    public void Detach(bool end)
    {
        Loop.AssertOwned();
        _listener = null;
        lock (s_gate)
        {
            _claimed = false;
            if (end)
            {
                Forget();
            }
        }
    }

    /// <summary>Whether every connection of the port is one of this listener's. Loop's thread.</summary>
    public bool HasNoConnectionBut(Listener listener) => Loop.ConnectionCount == listener.ConnectionCount;

    public void AddRoute(CidKey id, Connection connection) => _routes[id] = connection;

    public void RemoveRoute(CidKey id) => _routes.Remove(id);

    public void OnSocketError(int error)
    {
        // An unconnected socket reports nothing that concerns one connection.
    }

    private bool MayEnd(EndpointLoop loop)
    {
        lock (s_gate)
        {
            if (_claimed)
            {
                return false;
            }

            Forget();
        }

        loop.RemoveSocket(_socket);
        return true;
    }

    private void Forget()
    {
        if (s_ports.TryGetValue(LocalEndPoint, out var port) && port == this)
        {
            s_ports.Remove(LocalEndPoint);
        }
    }
}
