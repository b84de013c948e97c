using System.Net;
using System.Net.Sockets;
using RpcNet.Testing.FaultProxy;
using RpcNet.Transports.Ngtcp2;
using RpcNet.Transports.Ngtcp2.Internal;

namespace RpcNet.Transports.Tests.Ngtcp2;

/// <summary>Listeners and outgoing connections on several I/O threads.</summary>
public sealed class Ngtcp2ThreadsTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly Ngtcp2TransportOptions s_four = new() { IoThreads = 4 };

    [Fact]
    public async Task Connections_OfManyClients_SpreadOverTheThreadsAndAllWork()
    {
        await using var pair = await Ngtcp2Pair.StartAsync(engine: s_four);
        var clients = new HashSet<EndpointLoop>();
        var servers = new HashSet<EndpointLoop>();
        for (var i = 0; i < 40; i++)
        {
            var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);
            clients.Add(((Connection)client).Loop);
            servers.Add(((Connection)server).Loop);
            await Ngtcp2PacketTests.EchoAsync(client, server);
        }

        Assert.Equal(4, clients.Count);
        Assert.True(servers.Count >= 2, "the kernel gave forty clients to one thread");
    }

    [Fact]
    public async Task Rebinding_ToAnAddressOfAnotherThread_PacketsFindTheirConnection()
    {
        await using var pair = await Ngtcp2Pair.StartAsync(engine: s_four);
        await using var proxy = new UdpFaultProxy(pair.Listener.LocalEndPoint);
        var (client, server) = await pair.ConnectAsync(Ngtcp2Pair.ConnectOptions(proxy.EndPoint)).WaitAsync(s_limit);
        var listener = (Listener)pair.Listener;
        Assert.Equal(0, listener.HandedOn);

        // Each new port falls on another thread with a chance of three in four.
        for (var i = 0; listener.HandedOn == 0; i++)
        {
            Assert.True(i < 50, "no address fell on another thread");
            proxy.Rebind();
            for (var j = 0; j < 5; j++)
            {
                await Ngtcp2PacketTests.EchoAsync(client, server);
            }
        }

        for (var i = 0; i < 20; i++)
        {
            await Ngtcp2PacketTests.EchoAsync(client, server);
        }

        Assert.False(server.Closed.IsCompleted);
    }

    [Fact]
    public async Task Packets_ForAThreadThatIsBusy_WaitInBoundedNumber()
    {
        await using var pair = await Ngtcp2Pair.StartAsync(engine: s_four);
        var (_, server) = await pair.ConnectAsync().WaitAsync(s_limit);
        var loop = ((Connection)server).Loop;
        var ports = ((Listener)pair.Listener).Ports;
        var busy = Array.FindIndex([.. ports], port => port.Loop == loop);
        using var release = new ManualResetEventSlim();
        loop.Post(() => release.Wait(s_limit));
        try
        {
            // A short header whose id names the busy thread. Some fall on that thread's own socket.
            var packet = new byte[100];
            packet[0] = 0x40;
            packet[1] = (byte)busy;
            var sockets = Enumerable.Range(0, 16).Select(_ => Client(pair.Listener.LocalEndPoint)).ToArray();
            for (var i = 0; i < 1000; i++)
            {
                foreach (var socket in sockets)
                {
                    await socket.SendAsync(packet);
                }

                Assert.InRange(ports[busy].HandedOver, 0, 1025);
            }

            Assert.True(ports[busy].HandedOver > 0, "nothing fell on another thread");
            foreach (var socket in sockets)
            {
                socket.Dispose();
            }
        }
        finally
        {
            release.Set();
        }

        using var limit = new CancellationTokenSource(s_limit);
        while (ports[busy].HandedOver != 0)
        {
            await Task.Delay(1, limit.Token);
        }

        static UdpClient Client(IPEndPoint target)
        {
            var client = new UdpClient();
            client.Connect(target);
            return client;
        }
    }

    [Fact]
    public async Task Listener_Disposed_PortIsFreeAndAnotherTakesIt()
    {
        var first = await Ngtcp2Pair.StartAsync(engine: s_four);
        var address = first.Listener.LocalEndPoint;
        var (client, server) = await first.ConnectAsync().WaitAsync(s_limit);
        await first.Listener.DisposeAsync();
        await using (var second = await Ngtcp2Pair.StartAsync(Ngtcp2Pair.ListenerOptions(address), s_four))
        {
            await Ngtcp2PacketTests.EchoAsync(client, server);
            var (other, otherServer) = await second.ConnectAsync().WaitAsync(s_limit);
            await Ngtcp2PacketTests.EchoAsync(other, otherServer);
            await first.DisposeAsync();
        }

        // The one before may still wait for its last connection's final period.
        using var limit = new CancellationTokenSource(s_limit);
        while (true)
        {
            try
            {
                using var free = new System.Net.Sockets.UdpClient(address);
                return;
            }
            catch (System.Net.Sockets.SocketException)
            {
                await Task.Delay(10, limit.Token);
            }
        }
    }

    [Fact]
    public async Task Listen_AddressTakenByAnotherSharer_IsInUse()
    {
        await using var pair = await Ngtcp2Pair.StartAsync(engine: s_four);

        var e = await Assert.ThrowsAsync<TransportException>(
            () => new Ngtcp2Transport(s_four).ListenAsync(Ngtcp2Pair.ListenerOptions(pair.Listener.LocalEndPoint)).AsTask());

        Assert.Equal(TransportError.AddressInUse, e.Error);
    }

    [Fact]
    public void Mark_AnyByte_LeadsBackToItsThread()
    {
        Assert.SkipUnless(Ngtcp2Transport.IsSupported, Ngtcp2Transport.UnsupportedReason ?? "");
        foreach (var count in (int[])[1, 2, 3, 7, 64])
        {
            for (var random = 0; random <= byte.MaxValue; random++)
            {
                for (var index = 0; index < count; index++)
                {
                    Assert.Equal(index, PortGroup.Mark((byte)random, index, count) % count);
                }
            }
        }
    }
}

/// <summary>The conformance suite with several I/O threads on both sides.</summary>
public sealed class Ngtcp2ThreadsConformance : Conformance.TransportConformance
{
    protected override string Engine => "Ngtcp2 with four threads";

    protected override string? UnsupportedReason =>
        Ngtcp2Transport.UnsupportedReason
        ?? (Environment.GetEnvironmentVariable("RPCNET_TESTS") == "all" ? null : "part of the slow tier (RPCNET_TESTS=all)");

    protected override ITransport CreateTransport() => new Ngtcp2Transport(new Ngtcp2TransportOptions { IoThreads = 4 });
}
