using System.Net;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Transports.Tests.Ngtcp2;

public sealed class Ngtcp2EngineTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    [Fact]
    public void Engine_LibrariesPresent_TellsTheirVersion()
    {
        Assert.SkipUnless(Ngtcp2Transport.IsSupported, Ngtcp2Transport.UnsupportedReason ?? "");
        Assert.True(Version.Parse(Ngtcp2Transport.LibraryVersion!) >= new Version(1, 11));
        Assert.Equal("Ngtcp2", new Ngtcp2Transport().Name);
    }

    public static TheoryData<string, Ngtcp2TransportOptions> OutOfRange { get; } = new()
    {
        { "SecretKey", new Ngtcp2TransportOptions { SecretKey = new byte[31] } },
        { "BusyPoll", new Ngtcp2TransportOptions { BusyPoll = TimeSpan.FromMilliseconds(2) } },
        { "BusyPoll", new Ngtcp2TransportOptions { BusyPoll = TimeSpan.FromTicks(-1) } },
        { "IoThreads", new Ngtcp2TransportOptions { IoThreads = 0 } },
    };

    [Theory]
    [MemberData(nameof(OutOfRange), DisableDiscoveryEnumeration = true)]
    public void Options_OutOfRange_NameTheOption(string name, Ngtcp2TransportOptions options)
    {
        var e = Assert.Throws<ArgumentException>(() => new Ngtcp2Transport(options));
        Assert.Contains($"Ngtcp2TransportOptions.{name}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Echo_WithoutBusyPolling_Works()
    {
        await using var pair = await Ngtcp2Pair.StartAsync(engine: new Ngtcp2TransportOptions { BusyPoll = TimeSpan.Zero });
        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);

        await Ngtcp2PacketTests.EchoAsync(client, server);
    }

    [Theory]
    [InlineData("0.0.0.0", "127.0.0.1")]
    [InlineData("0.0.0.0", "127.0.0.2")]
    [InlineData("::", "::1")]
    [InlineData("::", "127.0.0.2")]
    public async Task Listen_OnAllAddresses_AnswersFromTheOneAsked(string bind, string connect)
    {
        await using var pair = await Ngtcp2Pair.StartAsync(Ngtcp2Pair.ListenerOptions(new IPEndPoint(IPAddress.Parse(bind), 0)));
        var target = new IPEndPoint(IPAddress.Parse(connect), pair.Listener.LocalEndPoint.Port);

        var (client, server) = await pair.ConnectAsync(Ngtcp2Pair.ConnectOptions(target)).WaitAsync(s_limit);

        await Ngtcp2PacketTests.EchoAsync(client, server);
        Assert.Equal(target, server.LocalEndPoint);
        Assert.Equal(client.LocalEndPoint, server.RemoteEndPoint);
    }

    [Fact]
    public async Task Listener_Disposed_ANewOneTakesTheAddressOverFromItsConnections()
    {
        var first = await Ngtcp2Pair.StartAsync();
        var (client, server) = await first.ConnectAsync().WaitAsync(s_limit);
        await first.Listener.DisposeAsync();

        await using var second = await Ngtcp2Pair.StartAsync(Ngtcp2Pair.ListenerOptions(first.Listener.LocalEndPoint));
        var (laterClient, laterServer) = await second.ConnectAsync().WaitAsync(s_limit);

        await Ngtcp2PacketTests.EchoAsync(client, server);
        await Ngtcp2PacketTests.EchoAsync(laterClient, laterServer);
        await first.DisposeAsync();
        await Ngtcp2PacketTests.EchoAsync(laterClient, laterServer);
    }

    [Theory]
    [InlineData(Ngtcp2CongestionControl.Cubic)]
    [InlineData(Ngtcp2CongestionControl.Reno)]
    [InlineData(Ngtcp2CongestionControl.Bbr)]
    public async Task CongestionControl_Each_CarriesBulk(Ngtcp2CongestionControl control)
    {
        await using var pair = await Ngtcp2Pair.StartAsync(engine: new Ngtcp2TransportOptions { CongestionControl = control });
        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);
        await using var stream = await client.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        var sent = new byte[4 << 20];
        new Random(2).NextBytes(sent);
        var write = stream.WriteAsync(sent, endStream: true);
        await using var remote = await server.AcceptStreamAsync();
        var received = new MemoryStream();
        var buffer = new byte[64 << 10];
        while (await remote.ReadAsync(buffer).AsTask().WaitAsync(s_limit) is var read and > 0)
        {
            received.Write(buffer, 0, read);
        }

        await write;
        Assert.Equal(sent, received.ToArray());
    }

    [Fact]
    public async Task Connection_WithoutSegmentationOffload_Echoes()
    {
        await using var pair = await Ngtcp2Pair.StartAsync(engine: new Ngtcp2TransportOptions { SegmentationOffload = false });
        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);

        await Ngtcp2PacketTests.EchoAsync(client, server);
    }

    [Fact]
    public async Task Client_ManyConnections_ShareOneThreadThatEndsWithThem()
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        var transport = new Ngtcp2Transport();
        var before = ClientThreads();
        var clients = new List<ITransportConnection>();
        for (var i = 0; i < 30; i++)
        {
            clients.Add(await transport.ConnectAsync(Ngtcp2Pair.ConnectOptions(pair.Listener.LocalEndPoint)).AsTask().WaitAsync(s_limit));
            await pair.Listener.AcceptAsync().AsTask().WaitAsync(s_limit);
        }

        var made = ClientThreads().Except(before).ToList();
        Assert.NotEmpty(made);
        Assert.True(transport.HasClientThread);
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }

        using var limit = new CancellationTokenSource(s_limit);
        while (transport.HasClientThread)
        {
            await Task.Delay(5, limit.Token);
        }
    }

    [Fact]
    public async Task Connect_DefaultTimeouts_SilentPeer_TakesTheWholeHandshakeTimeout()
    {
        Assert.SkipUnless(Ngtcp2Transport.IsSupported, Ngtcp2Transport.UnsupportedReason ?? "");
        // Bound and never read: no port unreachable, no answer.
        using var silent = new System.Net.Sockets.UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var target = (IPEndPoint)silent.Client.LocalEndPoint!;
        var settings = new TransportConnectOptions
        {
            ApplicationProtocols = [Ngtcp2Pair.Protocol],
            EndPoint = target,
            IdleTimeout = TimeSpan.FromMilliseconds(300),
            KeepAliveInterval = TimeSpan.FromMilliseconds(100),
            HandshakeTimeout = TimeSpan.FromSeconds(4),
            Tls = new TlsClientOptions { TargetHost = "localhost", ValidateServer = _ => null },
        };
        var start = System.Diagnostics.Stopwatch.GetTimestamp();

        var e = await Assert.ThrowsAsync<TransportException>(
            () => new Ngtcp2Transport().ConnectAsync(settings).AsTask().WaitAsync(s_limit));

        Assert.Equal(TransportError.HandshakeTimeout, e.Error);
        Assert.InRange(System.Diagnostics.Stopwatch.GetElapsedTime(start), TimeSpan.FromSeconds(3.9), TimeSpan.FromSeconds(9));
    }

    private static List<string> ClientThreads() =>
        [.. Directory.GetDirectories("/proc/self/task").Where(IsClientThread)];

    private static bool IsClientThread(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm")).StartsWith("ngtcp2 client", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }
}
