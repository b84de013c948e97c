using System.Net;
using System.Net.Sockets;

namespace RpcNet.Transports.Tests.Ngtcp2;

/// <summary>
/// A UDP relay on loopback before a server that records what clients send and can hold each direction: datagrams on their
/// way back wait, those towards the server are lost.
/// </summary>
internal sealed class UdpTap : IAsyncDisposable
{
    private readonly IPEndPoint _server;
    private readonly Socket _front = Bind();
    private readonly Dictionary<SocketAddress, Socket> _clients = [];
    private readonly List<Task> _pumps = [];
    private readonly List<byte[]> _recorded = [];
    private readonly List<(byte[] Datagram, SocketAddress To)> _held = [];
    private readonly Lock _gate = new();
    private bool _holdsAnswers;
    private bool _dropsRequests;
    private volatile bool _disposed;

    public UdpTap(IPEndPoint server)
    {
        _server = server;
        EndPoint = (IPEndPoint)_front.LocalEndPoint!;
        _pumps.Add(PumpClientsAsync());
    }

    /// <summary>Where clients send to.</summary>
    public IPEndPoint EndPoint { get; }

    /// <summary>What clients have sent since <see cref="Forget"/>, whether it was let pass or not.</summary>
    public byte[][] Recorded
    {
        get
        {
            lock (_gate)
            {
                return [.. _recorded];
            }
        }
    }

    public void Forget()
    {
        lock (_gate)
        {
            _recorded.Clear();
        }
    }

    /// <summary>Keeps the server's datagrams back until <see cref="ReleaseAnswers"/>.</summary>
    public void HoldAnswers()
    {
        lock (_gate)
        {
            _holdsAnswers = true;
        }
    }

    /// <summary>Lets the server's datagrams pass, those kept back first.</summary>
    public void ReleaseAnswers()
    {
        lock (_gate)
        {
            _holdsAnswers = false;
            foreach (var (datagram, to) in _held)
            {
                _front.SendTo(datagram, SocketFlags.None, to);
            }

            _held.Clear();
        }
    }

    public void DropRequests(bool drop = true)
    {
        lock (_gate)
        {
            _dropsRequests = drop;
        }
    }

    /// <summary>
    /// Sends datagrams to a server from an address of its own, and waits until the server has answered, by which it has read the
    /// first of them.
    /// </summary>
    public static async Task ReplayAsync(IEnumerable<byte[]> datagrams, IPEndPoint server, CancellationToken cancellationToken)
    {
        using var socket = Bind();
        var answer = socket.ReceiveFromAsync(new byte[65536], server, cancellationToken).AsTask();
        do
        {
            // Again while the server still takes it for late packets of the connection that it was recorded from.
            foreach (var datagram in datagrams)
            {
                await socket.SendToAsync(datagram, server, cancellationToken);
            }
        }
        while (await Task.WhenAny(answer, Task.Delay(200, cancellationToken)) != answer);

        await answer;
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _disposed = true;
            _front.Dispose();
            foreach (var client in _clients.Values)
            {
                client.Dispose();
            }
        }

        await Task.WhenAll(_pumps);
    }

    private static Socket Bind()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    // A server that is gone takes nothing, and the one that comes after it does.
    private static void Send(Socket client, ReadOnlySpan<byte> datagram)
    {
        try
        {
            client.Send(datagram);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            // Told of an earlier datagram: this one was not sent.
            client.Send(datagram);
        }
    }

    private async Task PumpClientsAsync()
    {
        var buffer = new byte[65536];
        var from = new SocketAddress(AddressFamily.InterNetwork);
        try
        {
            while (true)
            {
                var length = await _front.ReceiveFromAsync(buffer, SocketFlags.None, from);
                lock (_gate)
                {
                    _recorded.Add(buffer[..length]);
                    if (!_clients.TryGetValue(from, out var client))
                    {
                        var key = new SocketAddress(AddressFamily.InterNetwork);
                        from.Buffer.CopyTo(key.Buffer);
                        client = Bind();
                        client.Connect(_server);
                        _clients.Add(key, client);
                        _pumps.Add(PumpServerAsync(client, key));
                    }

                    if (!_dropsRequests)
                    {
                        Send(client, buffer.AsSpan(0, length));
                    }
                }
            }
        }
        catch (Exception e) when (_disposed && (e is SocketException or ObjectDisposedException))
        {
        }
    }

    private async Task PumpServerAsync(Socket client, SocketAddress to)
    {
        var buffer = new byte[65536];
        try
        {
            while (true)
            {
                int length;
                try
                {
                    length = await client.ReceiveAsync(buffer);
                }
                catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
                {
                    continue;
                }

                lock (_gate)
                {
                    if (_holdsAnswers)
                    {
                        _held.Add((buffer[..length], to));
                    }
                    else
                    {
                        _front.SendTo(buffer.AsSpan(0, length), SocketFlags.None, to);
                    }
                }
            }
        }
        catch (Exception e) when (_disposed && (e is SocketException or ObjectDisposedException))
        {
        }
    }
}
