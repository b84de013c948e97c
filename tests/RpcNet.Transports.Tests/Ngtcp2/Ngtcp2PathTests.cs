using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using RpcNet.Testing.FaultProxy;
using RpcNet.Transports.Ngtcp2;
using RpcNet.Transports.Ngtcp2.Internal;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Tests.Ngtcp2;

/// <summary>What a connection does about its path and its keys: key update, path MTU, ECN, rebinding.</summary>
public sealed class Ngtcp2PathTests
{
    // What libngtcp2 tries at most by itself: a frame of 1,492 bytes over IPv6.
    private const int LargestProbe = 16384;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task KeyUpdate_AfterTheChosenBytes_BothSidesGoOn()
    {
        await using var pair = await Ngtcp2Pair.StartAsync(engine: new Ngtcp2TransportOptions { KeyUpdateBytes = 64 << 10 });
        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);
        // Whoever is first renews the keys of both.
        for (var i = 0; await UpdatesAsync(client) + await UpdatesAsync(server) < 3; i++)
        {
            Assert.True(i < 2000, "the keys were never updated three times");
            await BothWaysAsync(client, server, 256 << 10);
        }

        Assert.True(client.Closed.IsCompleted is false && server.Closed.IsCompleted is false);
    }

    [Fact]
    public async Task KeyUpdate_NotChosen_IsLeftToTheLibrary()
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);
        await BothWaysAsync(client, server, 1 << 20);

        Assert.Equal(0, await UpdatesAsync(client));
    }

    [Fact]
    public async Task PathMtu_LoopbackCarriesMore_IsFound()
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);

        for (var i = 0; await OnLoopAsync(client, c => c.PathPayload) < LargestProbe || await OnLoopAsync(server, c => c.PathPayload) < LargestProbe; i++)
        {
            Assert.True(i < 2000, "it was never found");
            await BothWaysAsync(client, server, 64 << 10);
        }
    }

    [Fact]
    public async Task PathMtu_NothingLargeIsSent_EndsAtAnEthernetFrame()
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);

        for (var i = 0; i < 200 || await OnLoopAsync(client, c => c.PathPayload) < 1452 || await OnLoopAsync(server, c => c.PathPayload) < 1452; i++)
        {
            Assert.True(i < 2000, "not even that was found");
            await BothWaysAsync(client, server, 100);
        }

        Assert.Equal((1452, 1452), (await OnLoopAsync(client, c => c.PathPayload), await OnLoopAsync(server, c => c.PathPayload)));
    }

    [Fact]
    public async Task PathMtu_LargePacketsAreLost_StaysSmallAndTheConnectionWorks()
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        await using var relay = new EcnRelay(pair.Listener.LocalEndPoint) { LargestDatagram = 1300 };
        var (client, server) = await pair.ConnectAsync(Ngtcp2Pair.ConnectOptions(relay.EndPoint)).WaitAsync(s_limit);

        for (var i = 0; i < 20 || relay.TooLarge == 0; i++)
        {
            Assert.True(i < 2000, "nothing larger was ever tried");
            await BothWaysAsync(client, server, 64 << 10);
        }

        Assert.InRange(await OnLoopAsync(client, c => c.PathPayload), 1200, 1300);
    }

    [Fact]
    public async Task Ecn_PathPassesIt_IsUsedThroughout()
    {
        await using var pair = await Ngtcp2Pair.StartAsync(engine: new Ngtcp2TransportOptions { MaxUdpPayloadSize = 1452 });
        await using var relay = new EcnRelay(pair.Listener.LocalEndPoint);
        var (client, server) = await pair.ConnectAsync(Ngtcp2Pair.ConnectOptions(relay.EndPoint)).WaitAsync(s_limit);
        await BothWaysAsync(client, server, 1 << 20);

        var before = relay.Unmarked;
        var marked = relay.Marked;
        await BothWaysAsync(client, server, 1 << 20);

        Assert.True(relay.Marked - marked > 20, $"{relay.Marked - marked} datagrams were marked");
        // Path MTU probes and pure acknowledgements may go unmarked.
        Assert.True(relay.Unmarked - before < (relay.Marked - marked) / 2, $"{relay.Unmarked - before} datagrams were not marked");
    }

    [Fact]
    public async Task Ecn_PathStripsIt_IsGivenUp()
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        await using var relay = new EcnRelay(pair.Listener.LocalEndPoint) { Strips = true };
        var (client, server) = await pair.ConnectAsync(Ngtcp2Pair.ConnectOptions(relay.EndPoint)).WaitAsync(s_limit);
        await BothWaysAsync(client, server, 1 << 20);

        Assert.True(relay.Marked > 0, "it was never tried");
        var marked = relay.Marked;
        await BothWaysAsync(client, server, 1 << 20);

        Assert.Equal(marked, relay.Marked);
    }

    [Fact]
    public async Task Rebinding_OfANat_IsFollowedInTheMidstOfATransfer()
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        await using var proxy = new UdpFaultProxy(pair.Listener.LocalEndPoint);
        var (client, server) = await pair.ConnectAsync(Ngtcp2Pair.ConnectOptions(proxy.EndPoint)).WaitAsync(s_limit);
        var before = server.RemoteEndPoint;

        for (var i = 0; i < 3; i++)
        {
            var transfer = BothWaysAsync(client, server, 1 << 20);
            proxy.Rebind();
            await transfer;
        }

        for (var i = 0; server.RemoteEndPoint.Equals(before); i++)
        {
            Assert.True(i < 2000, "the server still knows the old address");
            await BothWaysAsync(client, server, 1000);
        }

        Assert.False(server.Closed.IsCompleted);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public async Task Migration_OfTheClient_IsFollowedInTheMidstOfATransfer(int moves)
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);
        await BothWaysAsync(client, server, 1000);
        for (var moved = 0; moved < moves;)
        {
            var before = client.LocalEndPoint;
            var transfer = BothWaysAsync(client, server, 1 << 20);

            // Refused while the peer owes an id.
            var done = await OnLoopAsync(client, c => c.Migrate());
            await transfer;
            if (!done)
            {
                continue;
            }

            moved++;
            Assert.NotEqual(before, client.LocalEndPoint);
            for (var i = 0; !server.RemoteEndPoint.Equals(client.LocalEndPoint); i++)
            {
                Assert.True(i < 2000, "the server still knows the old address");
                await BothWaysAsync(client, server, 1000);
            }
        }

        Assert.False(client.Closed.IsCompleted || server.Closed.IsCompleted);
    }

    /// <summary>RFC 9000 section 10.3.1: its token is not to be looked at. A peer sends it for packets that overtook each other.</summary>
    [Fact]
    public async Task Migration_StatelessResetForTheRetiredId_IsIgnored()
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        await using var tap = new UdpTap(pair.Listener.LocalEndPoint);
        var (client, server) = await pair.ConnectAsync(Ngtcp2Pair.ConnectOptions(tap.EndPoint)).WaitAsync(s_limit);
        await BothWaysAsync(client, server, 1000);
        var id = tap.Recorded.Last(datagram => (datagram[0] & 0x80) == 0)[1..(1 + ConnectionIds.Length)];
        var reset = await OnLoopAsync(server, s => StatelessReset(s, id));

        // Refused while the peer owes an id.
        for (var i = 0; !await OnLoopAsync(client, c => MigrateAndReceive(c, reset)); i++)
        {
            Assert.True(i < 2000, "the client never moved");
            await BothWaysAsync(client, server, 1000);
        }

        await BothWaysAsync(client, server, 1000);
        Assert.False(client.Closed.IsCompleted);
    }

    private static unsafe byte[] StatelessReset(Connection server, byte[] id)
    {
        var datagram = new byte[40];
        new Random(1).NextBytes(datagram);
        datagram[0] = 0x40;
        var native = new NgCid { DataLen = (nuint)id.Length };
        id.CopyTo(new Span<byte>(native.Data, id.Length));
        fixed (byte* token = &datagram[^16])
        {
            server.ResetToken(&native, token);
        }

        return datagram;
    }

    private static unsafe bool MigrateAndReceive(Connection client, byte[] datagram)
    {
        SockAddr before = SockAddr.From(client.LocalEndPoint), peer = SockAddr.From(client.RemoteEndPoint);
        if (!client.Migrate())
        {
            return false;
        }

        fixed (byte* data = datagram)
        {
            client.Receive(in before, in peer, 0, data, datagram.Length);
        }

        return true;
    }

    private static async Task BothWaysAsync(ITransportConnection client, ITransportConnection server, int size)
    {
        await using var local = await client.OpenStreamAsync(TransportStreamDirection.Bidirectional);
        var bytes = new byte[size];
        new Random(size).NextBytes(bytes);
        var sending = local.WriteAsync(bytes, endStream: true).AsTask();
        await using var remote = await server.AcceptStreamAsync().AsTask().WaitAsync(s_limit);
        var answering = Task.Run(async () =>
        {
            var buffer = new byte[64 << 10];
            int read;
            do
            {
                read = await remote.ReadAsync(buffer);
                await remote.WriteAsync(buffer.AsMemory(0, read), endStream: read == 0);
            }
            while (read > 0);
        });
        var received = new MemoryStream(size);
        var buffer = new byte[64 << 10];
        while (await local.ReadAsync(buffer).AsTask().WaitAsync(s_limit) is var read and > 0)
        {
            received.Write(buffer, 0, read);
        }

        await sending.WaitAsync(s_limit);
        await answering.WaitAsync(s_limit);
        Assert.True(bytes.AsSpan().SequenceEqual(received.GetBuffer().AsSpan(0, (int)received.Length)), "the bytes came back changed");
    }

    private static Task<int> UpdatesAsync(ITransportConnection connection) => OnLoopAsync(connection, c => c.KeyUpdates);

    private static Task<T> OnLoopAsync<T>(ITransportConnection connection, Func<Connection, T> question)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var native = (Connection)connection;
        native.Loop.Post(() => answer.SetResult(question(native)));
        return answer.Task.WaitAsync(s_limit);
    }

    /// <summary>A relay between one client and a listener that sees, and may take away, the ECN marks and large datagrams.</summary>
    private sealed unsafe class EcnRelay : IAsyncDisposable
    {
        private readonly EndpointLoop _loop;
        private readonly UdpSocket _toClient;
        private readonly UdpSocket _toTarget;
        private SockAddr _client;
        private long _marked;
        private long _unmarked;
        private long _tooLarge;
        private volatile bool _stop;

        public EcnRelay(IPEndPoint target)
        {
            var options = new Ngtcp2TransportOptions { SegmentationOffload = false };
            _toClient = UdpSocket.Bind(new IPEndPoint(IPAddress.Loopback, 0), new Sink(this, fromClient: true), options);
            _toTarget = UdpSocket.Connect(target, new Sink(this, fromClient: false), options);
            EndPoint = _toClient.Local.ToEndPoint();
            _loop = new EndpointLoop("ecn relay", options, NullLogger.Instance, TimeProvider.System, _ => _stop);
            _loop.Post(() =>
            {
                _loop.AddSocket(_toClient);
                _loop.AddSocket(_toTarget);
            });
            _loop.Start();
        }

        public IPEndPoint EndPoint { get; }

        public bool Strips { get; init; }

        public int LargestDatagram { get; init; } = 65535;

        public long Marked => Interlocked.Read(ref _marked);

        public long Unmarked => Interlocked.Read(ref _unmarked);

        public long TooLarge => Interlocked.Read(ref _tooLarge);

        public ValueTask DisposeAsync()
        {
            _loop.Post(() =>
            {
                _loop.RemoveSocket(_toClient);
                _loop.RemoveSocket(_toTarget);
                _stop = true;
            });
            return new ValueTask(_loop.Ended);
        }

        private void Forward(bool fromClient, in SockAddr remote, byte ecn, byte* data, int length)
        {
            if (length > LargestDatagram)
            {
                Interlocked.Increment(ref _tooLarge);
                return;
            }

            if (fromClient)
            {
                _client = remote;
                Interlocked.Increment(ref ecn == 2 ? ref _marked : ref _unmarked);
            }

            var mark = Strips ? (byte)0 : ecn;
            if (fromClient)
            {
                _toTarget.Send(data, length, length, mark, null, null);
            }
            else
            {
                var to = _client;
                _toClient.Send(data, length, length, mark, &to, null);
            }
        }

        private sealed class Sink(EcnRelay relay, bool fromClient) : IPacketSink
        {
            public void OnPacket(UdpSocket socket, in SockAddr local, in SockAddr remote, byte ecn, byte* data, int length) =>
                relay.Forward(fromClient, in remote, ecn, data, length);

            public void OnSocketError(int error)
            {
            }
        }
    }
}
