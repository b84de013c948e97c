using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using RpcNet.Testing;
using RpcNet.Testing.FaultProxy;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Transports.Tests.Hostile;

/// <summary>
/// What strangers can send to a listener: it serves its other peers meanwhile, its memory stays bounded, and nothing brings it down.
/// </summary>
public abstract class HostileListenerTests : IAsyncLifetime
{
    private static readonly SslApplicationProtocol s_alpn = new("rpcnet-hostile/1");
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private ITransportListener? _listener;

    /// <summary>The slow tier sends two hundred times as much.</summary>
    protected static int Scale { get; } = Environment.GetEnvironmentVariable("RPCNET_TESTS") == "all" ? 200 : 1;

    protected abstract string? UnsupportedReason { get; }

    /// <summary>Bytes that an attack may make the process grow by.</summary>
    protected abstract long MemoryLimit { get; }

    public ValueTask InitializeAsync()
    {
        Assert.SkipWhen(UnsupportedReason is not null, UnsupportedReason ?? "");
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        if (_listener is not null)
        {
            await _listener.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Datagrams_Random_OthersAreServed()
    {
        var listener = await ListenAsync(CreateTransport());
        var random = new Random(5);

        await AttackAsync(listener, 50, 100 * Scale, _ =>
        {
            var datagram = new byte[random.Next(0, 1500)];
            random.NextBytes(datagram);
            if (datagram.Length > 7 && random.Next(3) > 0)
            {
                // Mostly a long header of version 1, with lengths of ids that are nearly plausible.
                datagram[0] |= 0xc0;
                (datagram[1], datagram[2], datagram[3], datagram[4]) = (0, 0, 0, (byte)random.Next(3));
                datagram[5] = (byte)random.Next(24);
            }

            return datagram;
        });
    }

    [Fact]
    public async Task Initials_ValidFromManyPorts_OthersAreServedInBoundedMemory()
    {
        var transport = CreateTransport();
        var forge = await InitialForge.CreateAsync(transport, s_alpn);
        var listener = await ListenAsync(transport);

        await AttackAsync(listener, 200, 20 * Scale, _ => forge.Next());
    }

    [Fact]
    public async Task Initials_WithoutTransportParameters_OthersAreServed()
    {
        var transport = CreateTransport();
        var forge = await InitialForge.CreateAsync(transport, s_alpn);
        var listener = await ListenAsync(transport);

        await AttackAsync(listener, 10, 2, _ => forge.NextWithoutTransportParameters());
    }

    [Fact]
    public async Task Initials_HelloHarmed_OthersAreServed()
    {
        var transport = CreateTransport();
        var forge = await InitialForge.CreateAsync(transport, s_alpn);
        var listener = await ListenAsync(transport);

        await AttackAsync(listener, 20, 50 * Scale, _ => forge.NextWithHarmedHello());
    }

    [Fact]
    public async Task Initials_FramesRandom_OthersAreServed()
    {
        var transport = CreateTransport();
        var forge = await InitialForge.CreateAsync(transport, s_alpn);
        var listener = await ListenAsync(transport);

        await AttackAsync(listener, 20, 50 * Scale, _ => forge.NextWithRandomFrames());
    }

    [Fact]
    public async Task Initials_MutatedAndTruncated_OthersAreServed()
    {
        var transport = CreateTransport();
        var forge = await InitialForge.CreateAsync(transport, s_alpn);
        var listener = await ListenAsync(transport);
        var random = new Random(6);

        await AttackAsync(listener, 20, 100 * Scale, _ =>
        {
            var datagram = forge.Next();
            for (var i = random.Next(1, 4); i > 0; i--)
            {
                // Mostly the header: everything else is under the tag.
                datagram[random.Next(random.Next(2) == 0 ? 64 : datagram.Length)] ^= (byte)(1 << random.Next(8));
            }

            return random.Next(2) == 0 ? datagram : datagram[..random.Next(1, datagram.Length)];
        });
    }

    [Fact]
    public async Task Transfer_PacketsMutatedTruncatedAndRepeated_ArrivesIntact()
    {
        var transport = CreateTransport();
        var listener = await ListenAsync(transport);
        await using var proxy = new UdpFaultProxy(listener.LocalEndPoint);
        var accepting = listener.AcceptAsync().AsTask();
        await using var client = await ConnectAsync(transport, proxy.EndPoint);
        await using var server = await accepting.WaitAsync(s_limit);
        proxy.SetFaults(new UdpFaults { CorruptionRate = 0.03, TruncationRate = 0.03, DuplicationRate = 0.1, ReorderRate = 0.02 });
        var sent = new byte[512 << 10];
        new Random(7).NextBytes(sent);

        await using var sending = await client.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        var write = sending.WriteAsync(sent, endStream: true).AsTask();
        await using var receiving = await server.AcceptStreamAsync().AsTask().WaitAsync(s_limit);
        using var received = new MemoryStream();
        var buffer = new byte[64 << 10];
        while (await receiving.ReadAsync(buffer).AsTask().WaitAsync(s_limit) is var read and > 0)
        {
            received.Write(buffer, 0, read);
        }

        await write.WaitAsync(s_limit);
        Assert.Equal(sent, received.ToArray());
        Assert.True(proxy.ToTargetStatistics.Corrupted + proxy.ToTargetStatistics.Truncated > 0);
    }

    [Fact]
    public async Task Streams_AllOpenedAndLeft_OthersAreServed()
    {
        var transport = CreateTransport();
        var listener = await ListenAsync(transport);
        await using var greedy = await ConnectAsync(transport, listener.LocalEndPoint);
        await using var accepted = await listener.AcceptAsync().AsTask().WaitAsync(s_limit);
        var before = ResidentBytes();
        var streams = new List<ITransportStream>();
        for (var i = 0; i < 1024; i++)
        {
            var stream = await greedy.OpenStreamAsync(TransportStreamDirection.Bidirectional).AsTask().WaitAsync(s_limit);
            await stream.WriteAsync(new byte[8000], endStream: false).AsTask().WaitAsync(s_limit);
            streams.Add(stream);
        }

        using var given = new CancellationTokenSource();
        var beyond = greedy.OpenStreamAsync(TransportStreamDirection.Bidirectional, given.Token).AsTask();
        await ServeOneAsync(transport, listener);

        Assert.False(beyond.IsCompleted, "More streams than the listener allows were opened.");
        Assert.InRange(ResidentBytes() - before, long.MinValue, MemoryLimit);
        await given.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => beyond.WaitAsync(s_limit));
        foreach (var stream in streams)
        {
            await stream.DisposeAsync();
        }
    }

    protected abstract ITransport CreateTransport();

    protected static Task<ITransportConnection> ConnectAsync(ITransport transport, IPEndPoint endPoint) =>
        transport.ConnectAsync(new TransportConnectOptions
        {
            EndPoint = endPoint,
            ApplicationProtocols = [s_alpn],
            IdleTimeout = TimeSpan.FromSeconds(30),
            HandshakeTimeout = TimeSpan.FromSeconds(30),
            Tls = new TlsClientOptions { TargetHost = "localhost", ValidateServer = TestCertificates.Shared.Trust },
        }).AsTask().WaitAsync(s_limit);

    protected async Task<ITransportListener> ListenAsync(ITransport transport, TimeSpan? handshakeTimeout = null) =>
        _listener = await transport.ListenAsync(new TransportListenerOptions
        {
            EndPoint = new IPEndPoint(IPAddress.Loopback, 0),
            ApplicationProtocols = [s_alpn],
            IdleTimeout = TimeSpan.FromSeconds(30),
            HandshakeTimeout = handshakeTimeout ?? TimeSpan.FromSeconds(10),
            Tls = new TlsServerOptions { SelectIdentity = _ => TestCertificates.Shared.Server },
        });

    private protected static async Task<InitialForge> ForgeAsync(ITransport transport) => await InitialForge.CreateAsync(transport, s_alpn);

    /// <summary>A new connection is made and echoes.</summary>
    protected static async Task ServeOneAsync(ITransport transport, ITransportListener listener)
    {
        var accepting = listener.AcceptAsync().AsTask();
        await using var client = await ConnectAsync(transport, listener.LocalEndPoint);
        await using var server = await accepting.WaitAsync(s_limit);
        await Ngtcp2.Ngtcp2PacketTests.EchoAsync(client, server).WaitAsync(s_limit);
    }

    /// <summary>
    /// Sends from so many ports so many rounds of datagrams, while connections are made and used; then checks the memory.
    /// </summary>
    private async Task AttackAsync(ITransportListener listener, int ports, int rounds, Func<int, byte[]> datagram)
    {
        var friends = CreateTransport();
        await ServeOneAsync(friends, listener);
        var before = ResidentBytes();
        var sockets = new List<Socket>();
        var attack = Task.Run(async () =>
        {
            for (var i = 0; i < ports; i++)
            {
                sockets.Add(new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp));
                sockets[^1].Bind(new IPEndPoint(IPAddress.Loopback, 0));
            }

            for (var round = 0; round < rounds; round++)
            {
                foreach (var socket in sockets)
                {
                    socket.SendTo(datagram(round), listener.LocalEndPoint);
                }

                await Task.Yield();
            }
        });
        var served = 0;
        do
        {
            await ServeOneAsync(friends, listener);
            served++;
        }
        while (!attack.IsCompleted);

        await attack;
        await ServeOneAsync(friends, listener);
        var grown = ResidentBytes() - before;
        TestContext.Current.SendDiagnosticMessage($"{ports * rounds} datagrams, {served} connections meanwhile, {grown >> 20} MiB more");
        Assert.InRange(grown, long.MinValue, MemoryLimit);
        foreach (var socket in sockets)
        {
            socket.Dispose();
        }
    }

    private static long ResidentBytes()
    {
        GC.Collect();
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }
}

public sealed class SystemNetQuicHostileListenerTests : HostileListenerTests
{
    protected override string? UnsupportedReason => SystemNetQuicTransport.UnsupportedReason;

    // A half-open handshake costs it about 65 KiB, and only msquic itself bounds their number. At full scale it does so at
    // gigabytes, which nothing here can change (docs/transports.md).
    protected override long MemoryLimit => Scale == 1 ? 512 << 20 : long.MaxValue;

    protected override ITransport CreateTransport() => new SystemNetQuicTransport();
}
