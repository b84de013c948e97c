using System.Net;
using System.Net.Sockets;

namespace RpcNet.Testing.FaultProxy;

/// <summary>A UDP relay on loopback between clients and one target that harms datagrams on request.</summary>
/// <remarks>
/// All members may be called concurrently. Each client address gets a socket of its own towards the target, so that the
/// target tells clients apart by port. Chance comes from one seed per direction: the same datagrams in the same order meet
/// the same fate.
/// </remarks>
public sealed class UdpFaultProxy : IAsyncDisposable
{
    private const int LargestDatagram = 65535;
    private const int SocketBuffer = 4 << 20;

    private readonly IPEndPoint _target;
    private readonly Socket _front;
    private readonly FaultyDirection _toTarget;
    private readonly FaultyDirection _toClient;
    private readonly Lock _gate = new();
    private readonly Dictionary<SocketAddress, UdpRelay> _relays = [];
    private readonly List<Task> _pumps = [];
    private bool _disposed;

    /// <summary>Binds a loopback port of the target's address family and starts to relay, unharmed at first.</summary>
    /// <param name="target">Where clients' datagrams go.</param>
    /// <param name="seed">The seed of all chance.</param>
    /// <param name="time">The clock of delays and rate limits; the system's by default.</param>
    /// <exception cref="SocketException">No port could be bound.</exception>
    public UdpFaultProxy(IPEndPoint target, int seed = 1, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(target);
        _target = target;
        _toTarget = new FaultyDirection(seed, time ?? TimeProvider.System, SendToTarget);
        _toClient = new FaultyDirection(unchecked(seed * 31 + 1), time ?? TimeProvider.System, SendToClient);
        _front = Bind();
        EndPoint = (IPEndPoint)_front.LocalEndPoint!;
        _pumps.Add(PumpClientsAsync());
    }

    /// <summary>Where clients send to.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>What happens to datagrams on their way to the target; takes effect with the next datagram.</summary>
    public UdpFaults ToTarget
    {
        get => _toTarget.Faults;
        set => _toTarget.Faults = value;
    }

    /// <summary>What happens to datagrams on their way back to a client; takes effect with the next datagram.</summary>
    public UdpFaults ToClient
    {
        get => _toClient.Faults;
        set => _toClient.Faults = value;
    }

    /// <summary>What happened on the way to the target.</summary>
    public UdpFaultStatistics ToTargetStatistics => _toTarget.Statistics;

    /// <summary>What happened on the way back.</summary>
    public UdpFaultStatistics ToClientStatistics => _toClient.Statistics;

    /// <summary>Sets both directions.</summary>
    public void SetFaults(UdpFaults faults) => ToTarget = ToClient = faults;

    /// <summary>
    /// Gives every client a new source port towards the target, as a NAT does that has forgotten it. What the target still
    /// sends to the old ports is lost.
    /// </summary>
    public void Rebind()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            foreach (var relay in _relays.Values)
            {
                var old = relay.Socket;
                relay.Socket = Connect();
                _pumps.Add(PumpTargetAsync(relay, relay.Socket));
                old.Dispose();
            }

            _pumps.RemoveAll(pump => pump.IsCompletedSuccessfully);
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        Task[] pumps;
        lock (_gate)
        {
            if (!_disposed)
            {
                _disposed = true;
                _toTarget.Dispose();
                _toClient.Dispose();
                _front.Dispose();
                foreach (var relay in _relays.Values)
                {
                    relay.Socket.Dispose();
                }
            }

            pumps = [.. _pumps];
        }

        await Task.WhenAll(pumps).ConfigureAwait(false);
    }

    private Socket Bind()
    {
        var socket = new Socket(_target.AddressFamily, SocketType.Dgram, ProtocolType.Udp)
        {
            ReceiveBufferSize = SocketBuffer,
            SendBufferSize = SocketBuffer,
        };
        socket.Bind(new IPEndPoint(_target.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Loopback : IPAddress.Loopback, 0));
        return socket;
    }

    private Socket Connect()
    {
        var socket = Bind();
        socket.Connect(_target);
        return socket;
    }

    private async Task PumpClientsAsync()
    {
        var buffer = GC.AllocateUninitializedArray<byte>(LargestDatagram, pinned: true);
        var sender = new SocketAddress(_target.AddressFamily);
        while (true)
        {
            int length;
            try
            {
                length = await _front.ReceiveFromAsync(buffer, SocketFlags.None, sender).ConfigureAwait(false);
            }
            catch (SocketException e) when (IsUnreachable(e))
            {
                continue;
            }
            catch (Exception e) when (IsClosed(e))
            {
                return;
            }

            if (FindRelay(sender) is not { } relay)
            {
                return;
            }

            _toTarget.Handle(relay, buffer.AsSpan(0, length));
        }
    }

    private async Task PumpTargetAsync(UdpRelay relay, Socket socket)
    {
        var buffer = GC.AllocateUninitializedArray<byte>(LargestDatagram, pinned: true);
        while (true)
        {
            int length;
            try
            {
                length = await socket.ReceiveAsync(buffer).ConfigureAwait(false);
            }
            catch (SocketException e) when (IsUnreachable(e))
            {
                continue;
            }
            catch (Exception e) when (IsClosed(e))
            {
                return;
            }

            _toClient.Handle(relay, buffer.AsSpan(0, length));
        }
    }

    private UdpRelay? FindRelay(SocketAddress sender)
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return null;
            }

            if (!_relays.TryGetValue(sender, out var relay))
            {
                var client = new SocketAddress(sender.Family, sender.Size);
                sender.Buffer.Span[..sender.Size].CopyTo(client.Buffer.Span);
                relay = new UdpRelay(client, Connect());
                _relays.Add(client, relay);
                _pumps.Add(PumpTargetAsync(relay, relay.Socket));
            }

            return relay;
        }
    }

    private static void SendToTarget(UdpRelay relay, ReadOnlySpan<byte> datagram)
    {
        try
        {
            relay.Socket.Send(datagram);
        }
        catch (ObjectDisposedException)
        {
            // Rebound this moment: the new socket takes it. Disposed altogether: this one throws as well.
            SendAgain(relay.Socket, datagram);
        }
    }

    private static void SendAgain(Socket socket, ReadOnlySpan<byte> datagram)
    {
        try
        {
            socket.Send(datagram);
        }
        catch (ObjectDisposedException e)
        {
            throw new SocketException((int)SocketError.OperationAborted, e.Message);
        }
    }

    private void SendToClient(UdpRelay relay, ReadOnlySpan<byte> datagram)
    {
        try
        {
            _front.SendTo(datagram, SocketFlags.None, relay.Client);
        }
        catch (ObjectDisposedException e)
        {
            throw new SocketException((int)SocketError.OperationAborted, e.Message);
        }
    }

    // An ICMP answer to an earlier datagram.
    private static bool IsUnreachable(SocketException e) =>
        e.SocketErrorCode is SocketError.ConnectionRefused or SocketError.ConnectionReset or SocketError.HostUnreachable;

    private static bool IsClosed(Exception e) =>
        e is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted or SocketError.Interrupted };
}
