using System.Net;
using System.Net.Sockets;
using RpcNet.Testing.FaultProxy;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Transports.Tests.Ngtcp2;

/// <summary>What a listener answers to packets that belong to no connection.</summary>
public sealed class Ngtcp2PacketTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);
    private static readonly byte[] s_key = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    [Fact]
    public async Task Initial_UnknownVersion_IsAnsweredByVersionNegotiation()
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        using var socket = Open(pair);

        var answer = await AskAsync(socket, Initial(version: 0x2a3a4a5a));

        Assert.Equal(0x80, answer[0] & 0x80);
        Assert.Equal([0, 0, 0, 0], answer[1..5]);
        // Its ids are the request's, swapped.
        Assert.Equal([8, 9, 9, 9, 9, 9, 9, 9, 9, 8, 1, 2, 3, 4, 5, 6, 7, 8], answer[5..23]);
        Assert.Equal([0, 0, 0, 1], answer[^4..]);
    }

    [Fact]
    public async Task Initial_UnknownVersionTooSmall_IsNotAnswered()
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        using var socket = Open(pair);
        await socket.SendAsync(Initial(version: 0x2a3a4a5a)[..1199]);

        // The first answer is that to the second question.
        var answer = await AskAsync(socket, Initial(version: 0x2a3a4a5b, scid: 7));

        Assert.Equal(7, answer[6]);
    }

    [Fact]
    public async Task Initial_RetryAlways_IsAnsweredByRetry()
    {
        await using var pair = await Ngtcp2Pair.StartAsync(engine: new Ngtcp2TransportOptions { Retry = Ngtcp2RetryPolicy.Always });
        using var socket = Open(pair);

        var answer = await AskAsync(socket, Initial(version: 1));

        Assert.Equal(0xf0, answer[0] & 0xf0);
        Assert.Equal([0, 0, 0, 1], answer[1..5]);
    }

    [Fact]
    public async Task Connect_RetryAlways_CompletesAndEchoes()
    {
        await using var pair = await Ngtcp2Pair.StartAsync(engine: new Ngtcp2TransportOptions { Retry = Ngtcp2RetryPolicy.Always });

        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);

        await EchoAsync(client, server);
    }

    [Fact]
    public async Task Initial_RetryUnderLoad_StartsAtTheThreshold()
    {
        await using var pair = await Ngtcp2Pair.StartAsync(engine: new Ngtcp2TransportOptions { RetryThreshold = 0 });
        using var socket = Open(pair);

        var answer = await AskAsync(socket, Initial(version: 1));

        Assert.Equal(0xf0, answer[0] & 0xf0);
    }

    [Fact]
    public async Task ShortPacket_UnknownConnection_IsAnsweredByTheSameResetAfterARestart()
    {
        var options = new Ngtcp2TransportOptions { SecretKey = s_key };
        var packet = Short(100);
        byte[] before, after, other;
        await using (var pair = await Ngtcp2Pair.StartAsync(engine: options))
        {
            using var socket = Open(pair);
            before = await AskAsync(socket, packet);
        }

        await using (var pair = await Ngtcp2Pair.StartAsync(engine: options))
        {
            using var socket = Open(pair);
            after = await AskAsync(socket, packet);
        }

        await using (var pair = await Ngtcp2Pair.StartAsync())
        {
            using var socket = Open(pair);
            other = await AskAsync(socket, packet);
        }

        Assert.True(before.Length < packet.Length);
        Assert.Equal(0x40, before[0] & 0xc0);
        Assert.Equal(before[^16..], after[^16..]);
        Assert.NotEqual(before[^16..], other[^16..]);
    }

    [Fact]
    public async Task ShortPacket_TooSmall_IsNotAnswered()
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        using var socket = Open(pair);
        await socket.SendAsync(Short(41));

        var answer = await AskAsync(socket, Short(1000));

        Assert.Equal(64, answer.Length);
    }

    [Fact]
    public async Task Listener_FloodedWithGarbage_StillServes()
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        var random = new Random(9);
        for (var i = 0; i < 20; i++)
        {
            using var socket = Open(pair);
            for (var j = 0; j < 200; j++)
            {
                var garbage = new byte[random.Next(1, 1500)];
                random.NextBytes(garbage);
                if (j % 3 == 0 && garbage.Length > 30)
                {
                    Initial(version: 1).AsSpan(0, 24).CopyTo(garbage);
                }

                try
                {
                    await socket.SendAsync(garbage);
                }
                catch (SocketException)
                {
                    // The answer to one packet is no concern of the next one.
                }
            }
        }

        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);
        await EchoAsync(client, server);
    }

    [Fact]
    public async Task Listener_Restarted_PeerLearnsByStatelessReset()
    {
        var options = new Ngtcp2TransportOptions { SecretKey = s_key };
        var first = await Ngtcp2Pair.StartAsync(engine: options);
        var address = first.Listener.LocalEndPoint;
        await using var path = new Conformance.ProxiedPath(address);
        var (client, server) = await first.ConnectAsync(Ngtcp2Pair.ConnectOptions(path.EndPoint)).WaitAsync(s_limit);
        path.Cut();
        await server.DisposeAsync();
        await first.Listener.DisposeAsync();
        await using var second = await Ngtcp2Pair.StartAsync(Ngtcp2Pair.ListenerOptions(address), options);

        // The good-bye of the first server may still wait in the path's old socket.
        path.Rebind();
        path.Restore();

        await using var stream = await client.OpenStreamAsync(TransportStreamDirection.Bidirectional);
        await stream.WriteAsync(new byte[100], endStream: true);

        var closed = await client.Closed.WaitAsync(s_limit);
        Assert.Equal(TransportError.ConnectionAborted, closed.Error);
        Assert.Null(closed.ApplicationErrorCode);
        await first.DisposeAsync();
    }

    // RFC 9000 section 10.2.1: who has closed answers late packets with its close. The path's length makes that period seconds.
    [Fact]
    public async Task Close_ItsPacketIsLost_IsRepeatedToAPeerThatGoesOn()
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        await using var proxy = new UdpFaultProxy(pair.Listener.LocalEndPoint);
        proxy.SetFaults(new UdpFaults { Delay = TimeSpan.FromMilliseconds(200) });
        var (client, server) = await pair.ConnectAsync(Ngtcp2Pair.ConnectOptions(proxy.EndPoint)).WaitAsync(s_limit);
        await using var stream = await server.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        proxy.ToTarget = new UdpFaults { Blackhole = true };
        await client.CloseAsync(77);
        using var limit = new CancellationTokenSource(s_limit);
        while (proxy.ToTargetStatistics.Blackholed == 0)
        {
            await Task.Delay(1, limit.Token);
        }

        proxy.ToTarget = new UdpFaults { Delay = TimeSpan.FromMilliseconds(200) };

        await stream.WriteAsync(new byte[100], endStream: false);

        var closed = await server.Closed.WaitAsync(s_limit);
        Assert.Equal((TransportError.ConnectionAborted, 77L), (closed.Error, closed.ApplicationErrorCode));
    }

    internal static async Task EchoAsync(ITransportConnection client, ITransportConnection server)
    {
        await using var local = await client.OpenStreamAsync(TransportStreamDirection.Bidirectional);
        await local.WriteAsync(new byte[] { 1, 2, 3 }, endStream: true);
        await using var remote = await server.AcceptStreamAsync().AsTask().WaitAsync(s_limit);
        var buffer = new byte[10];
        var read = await remote.ReadAsync(buffer).AsTask().WaitAsync(s_limit);
        await remote.WriteAsync(buffer.AsMemory(0, read), endStream: true);
        Assert.Equal(3, await local.ReadAsync(buffer).AsTask().WaitAsync(s_limit));
        Assert.Equal([1, 2, 3], buffer[..3]);
    }

    private static Socket Open(Ngtcp2Pair pair)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Connect(pair.Listener.LocalEndPoint);
        return socket;
    }

    private static async Task<byte[]> AskAsync(Socket socket, byte[] packet)
    {
        await socket.SendAsync(packet);
        var answer = new byte[2000];
        using var limit = new CancellationTokenSource(s_limit);
        return answer[..await socket.ReceiveAsync(answer, limit.Token)];
    }

    private static byte[] Initial(uint version, byte scid = 9)
    {
        var packet = new byte[1200];
        packet[0] = 0xc0;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(1), version);
        byte[] rest = [8, 1, 2, 3, 4, 5, 6, 7, 8, 8, scid, scid, scid, scid, scid, scid, scid, scid, 0, 0x44, 0x90];
        rest.CopyTo(packet, 5);
        return packet;
    }

    private static byte[] Short(int length)
    {
        var packet = new byte[length];
        Array.Fill(packet, (byte)0x5a);
        packet[0] = 0x40;
        return packet;
    }
}
