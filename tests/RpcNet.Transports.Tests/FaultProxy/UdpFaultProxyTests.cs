using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Numerics;
using Microsoft.Extensions.Time.Testing;
using RpcNet.Testing.FaultProxy;

namespace RpcNet.Transports.Tests.FaultProxy;

public sealed class UdpFaultProxyTests : IAsyncLifetime
{
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(30));
    private readonly FakeTimeProvider _time = new();
    private readonly Socket _target = Bind(IPAddress.Loopback);
    private readonly Socket _client = Bind(IPAddress.Loopback);
    private readonly UdpFaultProxy _proxy;
    private EndPoint? _lastSource;

    public UdpFaultProxyTests()
    {
        _proxy = new UdpFaultProxy((IPEndPoint)_target.LocalEndPoint!, seed: 42, _time);
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        _target.Dispose();
        _client.Dispose();
        _limit.Dispose();
    }

    [Fact]
    public async Task NoFaults_BothWays_PassUnharmed()
    {
        await SendAsync(0, 10);
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(i, NumberOf(await ReceiveAsync(_target)));
        }

        await ReplyAsync([1, 2, 3]);
        Assert.Equal([1, 2, 3], await ReceiveAsync(_client));
        Assert.Equal((10, 10, 1000), (_proxy.ToTargetStatistics.Received, _proxy.ToTargetStatistics.Sent, _proxy.ToTargetStatistics.SentBytes));
        Assert.Equal(1, _proxy.ToClientStatistics.Sent);
    }

    [Fact]
    public async Task NoFaults_IPv6_PassUnharmed()
    {
        using var target = Bind(IPAddress.IPv6Loopback);
        using var client = Bind(IPAddress.IPv6Loopback);
        await using var proxy = new UdpFaultProxy((IPEndPoint)target.LocalEndPoint!);

        await client.SendToAsync(new byte[] { 7 }, proxy.EndPoint, _limit.Token);
        var received = await target.ReceiveFromAsync(new byte[10], new IPEndPoint(IPAddress.IPv6Any, 0), _limit.Token);
        await target.SendToAsync(new byte[] { 8 }, received.RemoteEndPoint, _limit.Token);

        Assert.Equal([8], await ReceiveAsync(client));
    }

    [Fact]
    public async Task LargestDatagram_Passes()
    {
        var datagram = new byte[65507];
        new Random(1).NextBytes(datagram);

        await _client.SendToAsync(datagram, _proxy.EndPoint, _limit.Token);

        Assert.Equal(datagram, await ReceiveAsync(_target));
    }

    [Fact]
    public async Task SeveralClients_TargetTellsThemApart_EachGetsItsOwnReply()
    {
        using var other = Bind(IPAddress.Loopback);
        await _client.SendToAsync(new byte[] { 1 }, _proxy.EndPoint, _limit.Token);
        await other.SendToAsync(new byte[] { 2 }, _proxy.EndPoint, _limit.Token);
        var ports = new Dictionary<byte, EndPoint>();
        for (var i = 0; i < 2; i++)
        {
            var buffer = new byte[10];
            var received = await _target.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0), _limit.Token);
            ports.Add(buffer[0], received.RemoteEndPoint);
        }

        Assert.NotEqual(ports[1], ports[2]);
        await _target.SendToAsync(new byte[] { 20 }, ports[2], _limit.Token);
        await _target.SendToAsync(new byte[] { 10 }, ports[1], _limit.Token);

        Assert.Equal([10], await ReceiveAsync(_client));
        Assert.Equal([20], await ReceiveAsync(other));
    }

    [Fact]
    public async Task Loss_DropsItsShare()
    {
        _proxy.ToTarget = new UdpFaults { LossRate = 0.3 };
        var arrived = 0L;
        using var stop = new CancellationTokenSource();
        var receiving = CountArrivalsAsync();

        await SendAsync(0, 1000);

        var statistics = await WaitAsync(() => _proxy.ToTargetStatistics, s => s.Received == 1000);
        Assert.InRange(statistics.Lost, 200, 400);
        Assert.Equal(1000, statistics.Sent + statistics.Lost);
        await WaitAsync(() => _proxy.ToTargetStatistics, s => Interlocked.Read(ref arrived) >= s.Sent);
        Assert.Equal(statistics.Sent, Interlocked.Read(ref arrived));
        await stop.CancelAsync();
        await receiving;

        async Task CountArrivalsAsync()
        {
            var buffer = new byte[1000];
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    await _target.ReceiveAsync(buffer, stop.Token);
                    Interlocked.Increment(ref arrived);
                }
                catch (OperationCanceledException)
                {
                    return;
                }
            }
        }
    }

    [Fact]
    public async Task Loss_SameSeed_SameDatagramsAreLost()
    {
        Assert.Equal(await SurvivorsAsync(seed: 5), await SurvivorsAsync(seed: 5));
        Assert.NotEqual(await SurvivorsAsync(seed: 5), await SurvivorsAsync(seed: 6));

        async Task<List<int>> SurvivorsAsync(int seed)
        {
            await using var proxy = new UdpFaultProxy((IPEndPoint)_target.LocalEndPoint!, seed);
            proxy.ToTarget = new UdpFaults { LossRate = 0.5 };
            for (var i = 0; i < 100; i++)
            {
                await _client.SendToAsync(Numbered(i), proxy.EndPoint, _limit.Token);
            }

            var statistics = await WaitAsync(() => proxy.ToTargetStatistics, s => s.Received == 100);
            var survivors = new List<int>();
            for (var i = 0; i < statistics.Sent; i++)
            {
                survivors.Add(NumberOf(await ReceiveAsync(_target)));
            }

            return survivors;
        }
    }

    [Fact]
    public async Task Duplication_EachArrivesTwice()
    {
        _proxy.ToTarget = new UdpFaults { DuplicationRate = 1 };

        await SendAsync(0, 5);

        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(i / 2, NumberOf(await ReceiveAsync(_target)));
        }

        Assert.Equal((5, 10), (_proxy.ToTargetStatistics.Duplicated, _proxy.ToTargetStatistics.Sent));
    }

    [Fact]
    public async Task Corruption_FlipsOneBit()
    {
        _proxy.ToTarget = new UdpFaults { CorruptionRate = 1 };

        await _client.SendToAsync(Numbered(9), _proxy.EndPoint, _limit.Token);

        var received = await ReceiveAsync(_target);
        Assert.Equal(1, received.Zip(Numbered(9), (got, sent) => BitOperations.PopCount((uint)(got ^ sent))).Sum());
        Assert.Equal(1, _proxy.ToTargetStatistics.Corrupted);
    }

    [Fact]
    public async Task Truncation_CutsTheEnd()
    {
        _proxy.ToTarget = new UdpFaults { TruncationRate = 1 };

        await _client.SendToAsync(Numbered(9), _proxy.EndPoint, _limit.Token);

        var received = await ReceiveAsync(_target);
        Assert.InRange(received.Length, 1, 99);
        Assert.Equal(Numbered(9)[..received.Length], received);
        Assert.Equal(1, _proxy.ToTargetStatistics.Truncated);
    }

    [Fact]
    public async Task Delay_HoldsBackUntilItsTime()
    {
        _proxy.ToTarget = new UdpFaults { Delay = TimeSpan.FromMilliseconds(20) };
        await SendAsync(0, 3);
        await WaitAsync(() => _proxy.ToTargetStatistics, s => s.Waiting == 3);

        _time.Advance(TimeSpan.FromMilliseconds(19));
        Assert.Equal((3, 0), (_proxy.ToTargetStatistics.Waiting, _proxy.ToTargetStatistics.Sent));
        _time.Advance(TimeSpan.FromMilliseconds(1));

        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(i, NumberOf(await ReceiveAsync(_target)));
        }
    }

    [Fact]
    public async Task Jitter_SpreadsAndReordersButLosesNothing()
    {
        _proxy.ToTarget = new UdpFaults { Delay = TimeSpan.FromMilliseconds(10), Jitter = TimeSpan.FromMilliseconds(10) };
        await SendAsync(0, 50);
        await WaitAsync(() => _proxy.ToTargetStatistics, s => s.Waiting == 50);

        _time.Advance(TimeSpan.FromMilliseconds(15));
        var halfway = _proxy.ToTargetStatistics.Sent;
        Assert.InRange(halfway, 10, 40);
        _time.Advance(TimeSpan.FromMilliseconds(6));

        var order = new List<int>();
        for (var i = 0; i < 50; i++)
        {
            order.Add(NumberOf(await ReceiveAsync(_target)));
        }

        Assert.NotEqual(Enumerable.Range(0, 50), order);
        Assert.Equal(Enumerable.Range(0, 50), order.Order());
    }

    [Fact]
    public async Task Reordering_LaterOnesOvertakeThoseHeldBack()
    {
        _proxy.ToTarget = new UdpFaults { ReorderRate = 1, ReorderDelay = TimeSpan.FromMilliseconds(5) };
        await SendAsync(0, 1);
        await WaitAsync(() => _proxy.ToTargetStatistics, s => s.Waiting == 1);
        _proxy.ToTarget = new UdpFaults { Delay = TimeSpan.FromMilliseconds(1) };
        await SendAsync(1, 1);
        await WaitAsync(() => _proxy.ToTargetStatistics, s => s.Waiting == 2);

        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, NumberOf(await ReceiveAsync(_target)));
        _time.Advance(TimeSpan.FromMilliseconds(4));
        Assert.Equal(0, NumberOf(await ReceiveAsync(_target)));
        Assert.Equal(1, _proxy.ToTargetStatistics.Reordered);
    }

    [Fact]
    public async Task RateLimit_SpacesDatagramsAndDropsWhatItsQueueCannotHold()
    {
        _proxy.ToTarget = new UdpFaults { BytesPerSecond = 1000, RateLimitQueue = TimeSpan.FromMilliseconds(950) };

        await SendAsync(0, 15); // 100 bytes each: one per 100 ms, and ten fit into the queue
        var statistics = await WaitAsync(() => _proxy.ToTargetStatistics, s => s.Received == 15);

        Assert.Equal((5, 10), (statistics.RateLimited, statistics.Waiting));
        _time.Advance(TimeSpan.FromMilliseconds(300));
        Assert.Equal(3, _proxy.ToTargetStatistics.Sent);
        _time.Advance(TimeSpan.FromMilliseconds(700));
        Assert.Equal(10, _proxy.ToTargetStatistics.Sent);
    }

    [Fact]
    public async Task Blackhole_OneWay_TheOtherWayIsOpen()
    {
        await SendAsync(0, 1);
        await ReceiveAsync(_target);
        _proxy.ToTarget = new UdpFaults { Blackhole = true };

        await SendAsync(1, 3);
        await WaitAsync(() => _proxy.ToTargetStatistics, s => s.Blackholed == 3);
        await ReplyAsync([5]);

        Assert.Equal([5], await ReceiveAsync(_client));
        Assert.Equal(0, _target.Available);

        _proxy.ToTarget = UdpFaults.None;
        await SendAsync(4, 1);
        Assert.Equal(4, NumberOf(await ReceiveAsync(_target)));
    }

    [Fact]
    public async Task Blackhole_BothWays_NothingPasses()
    {
        await SendAsync(0, 1);
        await ReceiveAsync(_target);
        _proxy.SetFaults(new UdpFaults { Blackhole = true });

        await SendAsync(1, 1);
        await ReplyAsync([5]);

        await WaitAsync(() => _proxy.ToTargetStatistics, s => s.Blackholed == 1);
        await WaitAsync(() => _proxy.ToClientStatistics, s => s.Blackholed == 1);
        Assert.Equal((0, 0), (_target.Available, _client.Available));
    }

    [Fact]
    public async Task Rebind_TargetSeesANewPort_BothWaysGoOn()
    {
        await SendAsync(0, 1);
        await ReceiveAsync(_target);
        var before = _lastSource!;

        _proxy.Rebind();
        await SendAsync(1, 1);
        Assert.Equal(1, NumberOf(await ReceiveAsync(_target)));
        var after = _lastSource!;

        Assert.NotEqual(before, after);
        await _target.SendToAsync(new byte[] { 1 }, before, _limit.Token);
        await _target.SendToAsync(new byte[] { 2 }, after, _limit.Token);
        Assert.Equal([2], await ReceiveAsync(_client));
        Assert.Equal(1, _proxy.ToClientStatistics.Received);
    }

    [Fact]
    public async Task TargetIsGone_ProxyGoesOnAndServesItsSuccessor()
    {
        var endPoint = (IPEndPoint)_target.LocalEndPoint!;
        await SendAsync(0, 1);
        await ReceiveAsync(_target);
        _target.Dispose();
        await SendAsync(1, 5);
        await WaitAsync(() => _proxy.ToTargetStatistics, s => s.Received == 6);
        using var successor = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        successor.Bind(endPoint);

        // The first may be lost to the answer that the system gives for an earlier one.
        var arrived = ReceiveAsync(successor);
        while (!arrived.IsCompleted)
        {
            await SendAsync(7, 1);
            await Task.WhenAny(arrived, Task.Delay(10, _limit.Token));
        }

        Assert.Equal(7, NumberOf(await arrived));
    }

    [Fact]
    public void Faults_OutOfRange_AreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _proxy.ToTarget = new UdpFaults { LossRate = 1.1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => _proxy.ToClient = new UdpFaults { DuplicationRate = double.NaN });
        Assert.Throws<ArgumentOutOfRangeException>(() => _proxy.ToTarget = new UdpFaults { Delay = TimeSpan.FromMilliseconds(-1) });
        Assert.Throws<ArgumentOutOfRangeException>(() => _proxy.ToTarget = new UdpFaults { BytesPerSecond = 0 });
    }

    [Fact]
    public async Task Dispose_WithDatagramsWaiting_EndsAndMayBeRepeated()
    {
        _proxy.ToTarget = new UdpFaults { Delay = TimeSpan.FromSeconds(1) };
        await SendAsync(0, 3);
        await WaitAsync(() => _proxy.ToTargetStatistics, s => s.Waiting == 3);

        await _proxy.DisposeAsync().AsTask().WaitAsync(_limit.Token);
        await _proxy.DisposeAsync().AsTask().WaitAsync(_limit.Token);

        Assert.Throws<ObjectDisposedException>(_proxy.Rebind);
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(0, _target.Available);
    }

    private static Socket Bind(IPAddress address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { ReceiveBufferSize = 1 << 20 };
        socket.Bind(new IPEndPoint(address, 0));
        return socket;
    }

    private static byte[] Numbered(int number)
    {
        var datagram = new byte[100];
        BinaryPrimitives.WriteInt32LittleEndian(datagram, number);
        return datagram;
    }

    private static int NumberOf(byte[] datagram) => BinaryPrimitives.ReadInt32LittleEndian(datagram);

    private async Task SendAsync(int first, int count)
    {
        // A few at a time: the system may drop what overflows a socket buffer.
        for (var i = first; i < first + count; i++)
        {
            await _client.SendToAsync(Numbered(i), _proxy.EndPoint, _limit.Token);
            if (i % 50 == 49)
            {
                var sent = i - first + 1;
                await WaitAsync(() => _proxy.ToTargetStatistics, s => s.Received >= sent);
            }
        }
    }

    private async Task ReplyAsync(byte[] datagram) => await _target.SendToAsync(datagram, _lastSource!, _limit.Token);

    private async Task<byte[]> ReceiveAsync(Socket socket)
    {
        var buffer = new byte[65536];
        var any = new IPEndPoint(socket.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, 0);
        var received = await socket.ReceiveFromAsync(buffer, any, _limit.Token);
        _lastSource = received.RemoteEndPoint;
        return buffer[..received.ReceivedBytes];
    }

    private async Task<UdpFaultStatistics> WaitAsync(Func<UdpFaultStatistics> statistics, Func<UdpFaultStatistics, bool> condition)
    {
        while (true)
        {
            var now = statistics();
            if (condition(now))
            {
                return now;
            }

            Assert.False(_limit.IsCancellationRequested, $"waited in vain; last: {now}");
            await Task.Delay(2, CancellationToken.None);
        }
    }
}
