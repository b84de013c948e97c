using System.Net;
using System.Net.Sockets;

namespace RpcNet.Testing.FaultProxy;

/// <summary>A UDP relay on loopback between clients and one target that harms datagrams on request.</summary>
/// <remarks>All members may be called concurrently. Each client address gets a socket of its own towards the target.</remarks>
public sealed class UdpFaultProxy : IAsyncDisposable
{
    private readonly Socket _front;
    private readonly IPEndPoint _target;
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<IPEndPoint, Relay> _relays = [];
    private readonly IPEndPoint _anyone;
    private readonly Task _pump;
    private volatile UdpFaults _toTarget = UdpFaults.None;
    private volatile UdpFaults _toClient = UdpFaults.None;

    /// <summary>Binds a loopback port of the target's address family and starts to relay.</summary>
    public UdpFaultProxy(IPEndPoint target)
    {
        ArgumentNullException.ThrowIfNull(target);
        _target = target;
        _anyone = new IPEndPoint(target.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, 0);
        _front = Bind();
        EndPoint = (IPEndPoint)_front.LocalEndPoint!;
        _pump = PumpAsync();
    }

    /// <summary>Where clients send to.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>What happens to datagrams on their way to the target; takes effect with the next datagram.</summary>
    public UdpFaults ToTarget
    {
        get => _toTarget;
        set => _toTarget = value;
    }

    /// <summary>What happens to datagrams on their way back to a client.</summary>
    public UdpFaults ToClient
    {
        get => _toClient;
        set => _toClient = value;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _pump.ConfigureAwait(false);
        foreach (var relay in _relays.Values)
        {
            await relay.Pump.ConfigureAwait(false);
            relay.Socket.Dispose();
        }

        _front.Dispose();
        _stop.Dispose();
    }

    private Socket Bind()
    {
        var socket = new Socket(_target.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        var loopback = _target.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Loopback : IPAddress.Loopback;
        socket.Bind(new IPEndPoint(loopback, 0));
        return socket;
    }

    private async Task PumpAsync()
    {
        var buffer = new byte[65536];
        while (await ReceiveAsync(_front, buffer).ConfigureAwait(false) is { } received)
        {
            var client = (IPEndPoint)received.RemoteEndPoint;
            if (!_relays.TryGetValue(client, out var relay))
            {
                var socket = Bind();
                relay = new Relay(socket, PumpBackAsync(socket, client));
                _relays.Add(client, relay);
            }

            if (!_toTarget.Blackhole)
            {
                await relay.Socket.SendToAsync(buffer.AsMemory(0, received.ReceivedBytes), _target).ConfigureAwait(false);
            }
        }
    }

    private async Task PumpBackAsync(Socket socket, IPEndPoint client)
    {
        var buffer = new byte[65536];
        while (await ReceiveAsync(socket, buffer).ConfigureAwait(false) is { } received)
        {
            if (!_toClient.Blackhole)
            {
                await _front.SendToAsync(buffer.AsMemory(0, received.ReceivedBytes), client).ConfigureAwait(false);
            }
        }
    }

    private async ValueTask<SocketReceiveFromResult?> ReceiveAsync(Socket socket, byte[] buffer)
    {
        try
        {
            return await socket.ReceiveFromAsync(buffer, _anyone, _stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    private sealed record Relay(Socket Socket, Task Pump);
}
