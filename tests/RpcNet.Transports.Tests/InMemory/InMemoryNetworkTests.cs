using System.Net;
using System.Net.Security;
using Microsoft.Extensions.Time.Testing;
using RpcNet.Testing;
using RpcNet.Testing.InMemory;

namespace RpcNet.Transports.Tests.InMemory;

public sealed class InMemoryNetworkTests
{
    private static readonly SslApplicationProtocol Alpn = new("test");

    private readonly FakeTimeProvider _time = new();
    private readonly InMemoryNetwork _network;
    private readonly InMemoryTransport _server;
    private readonly InMemoryTransport _client;

    public InMemoryNetworkTests()
    {
        _network = new InMemoryNetwork(seed: 3, _time);
        _server = _network.CreateTransport("server");
        _client = _network.CreateTransport("client");
    }

    [Fact]
    public async Task NoDelay_NothingNeedsTheClock()
    {
        var (client, server) = await ConnectAsync();
        var stream = await client.OpenStreamAsync(TransportStreamDirection.Bidirectional);
        await stream.WriteAsync("ping"u8.ToArray(), endStream: true);
        var accepted = server.AcceptStreamAsync();

        Assert.True(accepted.IsCompletedSuccessfully);
        var buffer = new byte[10];
        var remote = await accepted;
        Assert.Equal(4, await remote.ReadAsync(buffer));
        Assert.Equal(0, await remote.ReadAsync(buffer));
        await _network.WaitForIdleAsync(TestContext.Current.CancellationToken);
        Assert.True(stream.WritesClosed.IsCompletedSuccessfully);
        Assert.Equal(0, _network.InFlight);
    }

    [Fact]
    public async Task Latency_AMessageArrivesWhenItIsDueAndNotBefore()
    {
        var (client, server) = await ConnectAsync();
        _network.Conditions = new LinkConditions { Latency = TimeSpan.FromMilliseconds(50) };
        var stream = await client.OpenStreamAsync(TransportStreamDirection.Bidirectional);
        await stream.WriteAsync("ping"u8.ToArray(), endStream: false);
        var accepting = server.AcceptStreamAsync().AsTask();

        await AdvanceAsync(49);
        Assert.False(accepting.IsCompleted);
        Assert.Equal(1, _network.InFlight);
        await AdvanceAsync(1);
        var remote = await accepting;
        Assert.Equal(4, await remote.ReadAsync(new byte[10]));

        await remote.WriteAsync("pong"u8.ToArray(), endStream: false);
        var reading = stream.ReadAsync(new byte[10]).AsTask();
        await AdvanceAsync(49);
        Assert.False(reading.IsCompleted);
        await AdvanceAsync(1);
        Assert.Equal(4, await reading);
    }

    [Fact]
    public async Task Latency_HandshakeTakesItsFlights()
    {
        _network.Conditions = new LinkConditions { Latency = TimeSpan.FromMilliseconds(10) };
        var listener = await ListenAsync();
        var connecting = _client.ConnectAsync(ConnectOptions(listener.LocalEndPoint)).AsTask();

        for (var elapsed = 0; elapsed < 29; elapsed++)
        {
            await AdvanceAsync(1);
            Assert.False(connecting.IsCompleted);
        }

        await AdvanceAsync(1);
        await connecting;
    }

    [Fact]
    public async Task Latency_OneLinkHasConditionsOfItsOwn()
    {
        var (client, server) = await ConnectAsync();
        _network.SetConditions(_client, _server, new LinkConditions { Latency = TimeSpan.FromSeconds(1) });
        var up = await client.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        var down = await server.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        await up.WriteAsync(new byte[1], endStream: true);
        await down.WriteAsync(new byte[1], endStream: true);

        Assert.True(client.AcceptStreamAsync().IsCompletedSuccessfully);
        var accepting = server.AcceptStreamAsync().AsTask();
        Assert.False(accepting.IsCompleted);

        _network.SetConditions(_client, _server, null);
        await AdvanceAsync(1000);
        await accepting;
    }

    [Fact]
    public async Task JitterAndLoss_DelayButKeepOrderAndContent()
    {
        var (client, server) = await ConnectAsync();
        _network.Conditions = new LinkConditions
        {
            Latency = TimeSpan.FromMilliseconds(5), Jitter = TimeSpan.FromMilliseconds(20), LossRate = 0.2,
        };
        var stream = await client.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        var sent = new byte[2000];
        new Random(1).NextBytes(sent);
        for (var i = 0; i < sent.Length; i += 20)
        {
            await stream.WriteAsync(sent.AsMemory(i, 20), endStream: i + 20 == sent.Length);
        }

        var reading = ReadToEndAsync(await AcceptWhileAdvancingAsync(server));
        await AdvanceUntilAsync(() => reading.IsCompleted);

        Assert.Equal(sent, await reading);
    }

    [Fact]
    public async Task SameSeed_SameDelays()
    {
        Assert.Equal(await ArrivalAsync(seed: 1), await ArrivalAsync(seed: 1));
        Assert.NotEqual(await ArrivalAsync(seed: 1), await ArrivalAsync(seed: 2));

        static async Task<List<long>> ArrivalAsync(int seed)
        {
            var test = new InMemoryNetworkTests(seed);
            var (client, server) = await test.ConnectAsync();
            test._network.Conditions = new LinkConditions { Jitter = TimeSpan.FromSeconds(1) };
            var arrivals = new List<long>();
            for (var i = 0; i < 5; i++)
            {
                var stream = await client.OpenStreamAsync(TransportStreamDirection.Unidirectional);
                await stream.WriteAsync(new byte[1], endStream: true);
                await test.AcceptWhileAdvancingAsync(server);
                arrivals.Add(test._time.GetTimestamp());
            }

            return arrivals;
        }
    }

    [Fact]
    public async Task Partition_HoldsMessagesUntilItHeals()
    {
        var (client, server) = await ConnectAsync();
        _network.Partition(_client, _server);
        var stream = await client.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        await stream.WriteAsync("late"u8.ToArray(), endStream: true);
        var accepting = server.AcceptStreamAsync().AsTask();

        await AdvanceAsync(1000);
        Assert.False(accepting.IsCompleted);
        Assert.Equal(0, _network.InFlight);

        _network.HealAll();
        Assert.Equal("late"u8.ToArray(), await ReadToEndAsync(await accepting));
        await stream.WritesClosed.WaitAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task PartitionDuringFlight_HoldsWhatWasUnderWay()
    {
        var (client, server) = await ConnectAsync();
        _network.Conditions = new LinkConditions { Latency = TimeSpan.FromMilliseconds(10) };
        var stream = await client.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        await stream.WriteAsync("late"u8.ToArray(), endStream: true);
        var accepting = server.AcceptStreamAsync().AsTask();
        _network.PartitionOneWay(_client, _server);

        await AdvanceAsync(100);
        Assert.False(accepting.IsCompleted);

        _network.Heal(_client, _server);
        await AdvanceAsync(9);
        Assert.False(accepting.IsCompleted);
        await AdvanceAsync(1);
        Assert.Equal("late"u8.ToArray(), await ReadToEndAsync(await accepting));
    }

    [Fact]
    public async Task Partition_BothSidesAreIdleAfterTheTimeoutAndNotBefore()
    {
        var (client, server) = await ConnectAsync();
        _network.Partition(_client, _server);

        await AdvanceAsync(2400, step: 100);
        Assert.False(client.Closed.IsCompleted);
        Assert.False(server.Closed.IsCompleted);
        await AdvanceAsync(200, step: 100);

        Assert.Equal(TransportError.ConnectionIdle, (await client.Closed).Error);
        Assert.Equal(TransportError.ConnectionIdle, (await server.Closed).Error);
    }

    [Fact]
    public async Task PartitionOneWay_TheDeafSideGoesFirst()
    {
        var (client, server) = await ConnectAsync();
        _network.PartitionOneWay(_client, _server);

        await AdvanceUntilAsync(() => server.Closed.IsCompleted);

        Assert.Equal(TransportError.ConnectionIdle, (await server.Closed).Error);
        Assert.False(client.Closed.IsCompleted);
        await AdvanceUntilAsync(() => client.Closed.IsCompleted);
        Assert.Equal(TransportError.ConnectionIdle, (await client.Closed).Error);
    }

    [Fact]
    public async Task Close_DuringAPartition_IsLostAndThePeerFindsOutByIdling()
    {
        var (client, server) = await ConnectAsync();
        _network.Partition(_client, _server);

        await client.CloseAsync(5);
        _network.HealAll();
        Assert.False(server.Closed.IsCompleted);
        await AdvanceUntilAsync(() => server.Closed.IsCompleted);

        Assert.Equal(TransportError.ConnectionIdle, (await server.Closed).Error);
    }

    [Fact]
    public async Task KeepAlive_HoldsASilentConnectionForHours()
    {
        var (client, server) = await ConnectAsync();

        await AdvanceAsync(milliseconds: 2 * 3600 * 1000, step: 1000);

        Assert.False(client.Closed.IsCompleted);
        Assert.False(server.Closed.IsCompleted);
    }

    [Fact]
    public async Task NoKeepAlive_SilentConnectionEnds()
    {
        var (client, _) = await ConnectAsync(keepAlive: Timeout.InfiniteTimeSpan);

        await AdvanceAsync(2499);
        Assert.False(client.Closed.IsCompleted);
        await AdvanceAsync(1);

        Assert.Equal(TransportError.ConnectionIdle, (await client.Closed).Error);
    }

    [Fact]
    public async Task HandshakeTimeout_RunsOnTheNetworksClock()
    {
        var listener = await ListenAsync();
        _network.Partition(_client, _server);
        var connecting = _client.ConnectAsync(ConnectOptions(listener.LocalEndPoint)).AsTask();

        await AdvanceAsync(9999);
        Assert.False(connecting.IsCompleted);
        await AdvanceAsync(1);

        var e = await Assert.ThrowsAsync<TransportException>(() => connecting);
        Assert.Equal(TransportError.HandshakeTimeout, e.Error);
    }

    [Fact]
    public async Task Kill_PeersFindOutByIdlingAndASuccessorTakesThePort()
    {
        var (client, server) = await ConnectAsync();
        var endPoint = client.RemoteEndPoint;
        var accepting = server.AcceptStreamAsync().AsTask();

        _network.Kill(_server);

        Assert.Equal(TransportError.Disposed, (await server.Closed).Error);
        Assert.Equal(TransportError.Disposed, (await Assert.ThrowsAsync<TransportException>(() => accepting)).Error);
        Assert.False(client.Closed.IsCompleted);
        var refused = await Assert.ThrowsAsync<TransportException>(
            () => _client.ConnectAsync(ConnectOptions(endPoint)).AsTask());
        Assert.Equal(TransportError.ConnectionRefused, refused.Error);
        await Assert.ThrowsAsync<TransportException>(() => _server.ListenAsync(ListenOptions(endPoint)).AsTask());

        var successor = _network.CreateTransport("server");
        await successor.ListenAsync(ListenOptions(endPoint));
        await _client.ConnectAsync(ConnectOptions(endPoint));
        await AdvanceUntilAsync(() => client.Closed.IsCompleted);
        Assert.Equal(TransportError.ConnectionIdle, (await client.Closed).Error);
    }

    [Fact]
    public async Task Isolate_CutsOneOffFromAllOthersWhoGoOn()
    {
        var third = _network.CreateTransport("third");
        var (toServer, _) = await ConnectAsync();
        var listener = await third.ListenAsync(ListenOptions(new IPEndPoint(IPAddress.Loopback, 0)));
        var toThird = await _client.ConnectAsync(ConnectOptions(listener.LocalEndPoint));

        _network.Isolate(_server);
        await AdvanceUntilAsync(() => toServer.Closed.IsCompleted);

        Assert.Equal(TransportError.ConnectionIdle, (await toServer.Closed).Error);
        Assert.False(toThird.Closed.IsCompleted);
    }

    [Fact]
    public async Task Names_ResolveToTheTransportsAddress()
    {
        var listener = await _server.ListenAsync(ListenOptions(new IPEndPoint(IPAddress.Any, 4433)));
        var identity = TestCertificates.Shared.IssueServer("server");
        Assert.Equal(4433, listener.LocalEndPoint.Port);

        var connection = await _client.ConnectAsync(new TransportConnectOptions
        {
            EndPoint = new DnsEndPoint("SERVER", 4433),
            ApplicationProtocols = [Alpn],
            Tls = new TlsClientOptions { ValidateServer = _ => null, SelectIdentity = () => identity },
        });

        Assert.Equal(new IPEndPoint(_server.Address, 4433), connection.RemoteEndPoint);
        Assert.Equal(_client.Address, connection.LocalEndPoint.Address);
    }

    [Fact]
    public async Task Addresses_OfOthers_CannotBeBound()
    {
        var mine = _network.CreateTransport(IPAddress.Parse("10.9.8.7"));
        await mine.ListenAsync(ListenOptions(new IPEndPoint(IPAddress.Parse("10.9.8.7"), 1)));

        var e = await Assert.ThrowsAsync<TransportException>(
            () => _client.ListenAsync(ListenOptions(new IPEndPoint(IPAddress.Parse("10.9.8.7"), 2))).AsTask());
        Assert.Equal(TransportError.AddressUnavailable, e.Error);
    }

    [Fact]
    public void Conditions_OutOfRange_AreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _network.Conditions = new LinkConditions { LossRate = 1 });
        Assert.Throws<ArgumentOutOfRangeException>(
            () => _network.SetConditions(_client, _server, new LinkConditions { Latency = TimeSpan.FromTicks(-1) }));
    }

    private InMemoryNetworkTests(int seed)
    {
        _network = new InMemoryNetwork(seed, _time);
        _server = _network.CreateTransport("server");
        _client = _network.CreateTransport("client");
    }

    private static TransportListenerOptions ListenOptions(IPEndPoint endPoint, TimeSpan? keepAlive = null) => new()
    {
        EndPoint = endPoint,
        ApplicationProtocols = [Alpn],
        KeepAliveInterval = keepAlive ?? TimeSpan.FromSeconds(1),
        Tls = new TlsServerOptions
        {
            SelectIdentity = _ => TestCertificates.Shared.Server,
            ValidateClient = TestCertificates.Shared.Trust,
            ClientCertificates = ClientCertificateMode.None,
        },
    };

    private static TransportConnectOptions ConnectOptions(EndPoint endPoint, TimeSpan? keepAlive = null) => new()
    {
        EndPoint = endPoint,
        ApplicationProtocols = [Alpn],
        KeepAliveInterval = keepAlive ?? TimeSpan.FromSeconds(1),
        Tls = new TlsClientOptions { ValidateServer = TestCertificates.Shared.Trust },
    };

    private async Task<ITransportListener> ListenAsync(TimeSpan? keepAlive = null) =>
        await _server.ListenAsync(ListenOptions(new IPEndPoint(IPAddress.Loopback, 0), keepAlive));

    private async Task<(ITransportConnection Client, ITransportConnection Server)> ConnectAsync(TimeSpan? keepAlive = null)
    {
        var listener = await ListenAsync(keepAlive);
        var client = await _client.ConnectAsync(ConnectOptions(listener.LocalEndPoint, keepAlive));
        return (client, await listener.AcceptAsync());
    }

    private async Task AdvanceAsync(int milliseconds, int? step = null)
    {
        for (var elapsed = 0; elapsed < milliseconds; elapsed += step ?? milliseconds)
        {
            if (elapsed % 60_000 == 0)
            {
                await _network.WaitForIdleAsync(TestContext.Current.CancellationToken);
            }

            _time.Advance(TimeSpan.FromMilliseconds(Math.Min(step ?? milliseconds, milliseconds - elapsed)));
        }

        await _network.WaitForIdleAsync(TestContext.Current.CancellationToken);
    }

    private async Task AdvanceUntilAsync(Func<bool> condition)
    {
        for (var i = 0; i < 10_000 && !condition(); i++)
        {
            await AdvanceAsync(10);
        }

        Assert.True(condition(), "100 s of virtual time were not enough");
    }

    private async Task<ITransportStream> AcceptWhileAdvancingAsync(ITransportConnection connection)
    {
        var accepting = connection.AcceptStreamAsync().AsTask();
        await AdvanceUntilAsync(() => accepting.IsCompleted);
        return await accepting;
    }

    private static async Task<byte[]> ReadToEndAsync(ITransportStream stream)
    {
        using var all = new MemoryStream();
        var buffer = new byte[100];
        while (await stream.ReadAsync(buffer) is var read and > 0)
        {
            all.Write(buffer, 0, read);
        }

        return all.ToArray();
    }
}
