using System.Buffers;
using System.Net;
using Microsoft.Extensions.Logging;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>A bound socket, its I/O thread and the routes to the connections behind it.</summary>
internal sealed partial class ListenerPort : IPacketSink
{
    // What other threads hand on faster than this one takes it is lost, as in a socket that is full.
    private const int MaxHandedOver = 1024;

    private readonly Dictionary<CidKey, Connection> _routes = [];
    private readonly PortGroup _group;
    private readonly int _index;
    private readonly UdpSocket _socket;
    private ListenerShard? _listener;
    private long _handedOn;
    private int _handedOver;

    public ListenerPort(
        PortGroup group, int index, IPEndPoint endPoint, Ngtcp2TransportOptions engine, ILogger logger, TimeProvider timeProvider)
    {
        _group = group;
        _index = index;
        _socket = UdpSocket.Bind(endPoint, this, engine, shared: engine.IoThreads > 1);
        try
        {
            LocalEndPoint = _socket.Local.ToEndPoint();
            Loop = new EndpointLoop($"ngtcp2 {LocalEndPoint}", engine, logger, timeProvider, End);
        }
        catch
        {
            _socket.Dispose();
            throw;
        }
    }

    public IPEndPoint LocalEndPoint { get; }

    public EndpointLoop Loop { get; }

    /// <summary>Whether its loop has nothing to do and waits for the others of the group. Guarded by the group.</summary>
    public bool MayEnd { get; set; }

    /// <summary>Packets of connections of another thread that arrived here.</summary>
    public long HandedOn => Interlocked.Read(ref _handedOn);

    /// <summary>Packets from other threads that wait for this one.</summary>
    public int HandedOver => Volatile.Read(ref _handedOver);

    public void Start()
    {
        Loop.Post(() => Loop.AddSocket(_socket));
        Loop.Start();
    }

    /// <summary>Gives everything back, in place of <see cref="Start"/>.</summary>
    public void Discard()
    {
        _socket.Dispose();
        Loop.Discard();
    }

    /// <summary>New connections belong to this listener from now on.</summary>
    public void Attach(ListenerShard listener) => Loop.Post(() => _listener = listener);

    /// <summary>Takes no new connections. Loop's thread.</summary>
    public void Detach()
    {
        Loop.AssertOwned();
        _listener = null;
    }

    /// <summary>Whether every connection of the port is one of this listener's. Loop's thread.</summary>
    public bool HasNoConnectionBut(ListenerShard listener) => Loop.ConnectionCount == listener.ConnectionCount;

    public void AddRoute(CidKey id, Connection connection) => _routes[id] = connection;

    public void RemoveRoute(CidKey id) => _routes.Remove(id);

    /// <summary>Makes an id by which packets find this port, whichever they arrive at.</summary>
    public byte Mark(byte random) => PortGroup.Mark(random, _index, _group.Ports.Length);

    public void OnSocketError(int error)
    {
        // An unconnected socket reports nothing that concerns one connection.
    }

    // The owner's thread looks it up once more; whoever is unknown there is unknown.
    private unsafe void HandOn(ListenerPort owner, in SockAddr local, in SockAddr remote, byte ecn, byte* data, int length)
    {
        if (Interlocked.Increment(ref owner._handedOver) > MaxHandedOver)
        {
            Interlocked.Decrement(ref owner._handedOver);
            return;
        }

        Interlocked.Increment(ref _handedOn);
        var copy = ArrayPool<byte>.Shared.Rent(length);
        new ReadOnlySpan<byte>(data, length).CopyTo(copy);
        var (from, to) = (local, remote);
        owner.Loop.Post(() =>
        {
            Interlocked.Decrement(ref owner._handedOver);
            fixed (byte* packet = copy)
            {
                owner.OnPacket(owner._socket, in from, in to, ecn, packet, length);
            }

            ArrayPool<byte>.Shared.Return(copy);
        });
    }

    private bool End(EndpointLoop loop)
    {
        if (!_group.MayEnd(this))
        {
            return false;
        }

        loop.RemoveSocket(_socket);
        return true;
    }
}
