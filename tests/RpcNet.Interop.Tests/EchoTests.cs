using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using RpcNet.Testing;
using RpcNet.Transports;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Interop.Tests;

/// <summary>Handshake, ALPN, certificate and echo between each engine and stacks that neither is built on, both ways.</summary>
public sealed class EchoTests(CertificateFiles files) : IClassFixture<CertificateFiles>
{
    private const string Alpn = "rpcnet-interop/1";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static TheoryData<string, string> Pairings => new()
    {
        { Engines.Ngtcp2, PeerProcess.QuicGo },
        { Engines.Ngtcp2, PeerProcess.Quiche },
        { Engines.SystemNetQuic, PeerProcess.QuicGo },
        { Engines.SystemNetQuic, PeerProcess.Quiche },
    };

    [Theory]
    [MemberData(nameof(Pairings))]
    public async Task Listener_PeerConnects_EchoesSmallAndLarge(string engine, string stack)
    {
        await using var listener = await ListenAsync(Engines.Create(engine));
        await using var peer = PeerProcess.StartEcho(stack, "client", Address(listener), files.Roots, Alpn, "1", "1000", "1048576");

        await using var connection = await listener.AcceptAsync().AsTask().WaitAsync(Limit);
        Assert.Equal(Alpn, connection.ApplicationProtocol.ToString());
        var served = await ServeEchoAsync(connection).WaitAsync(Limit);

        var (code, output) = await peer.ReadToEndAsync();
        Assert.Equal($"alpn {Alpn}\necho 1 true\necho 1000 true\necho 1048576 true\n", output);
        Assert.Equal(0, code);
        Assert.Equal(TransportError.ConnectionAborted, served.Error);
        Assert.Equal(7, served.ApplicationErrorCode);
    }

    [Theory]
    [MemberData(nameof(Pairings))]
    public async Task Connect_PeerListens_EchoesSmallAndLarge(string engine, string stack)
    {
        var transport = Engines.Create(engine);
        await using var peer = PeerProcess.StartEcho(stack, "server", files.Certificate, files.Key, Alpn);
        var port = await peer.ReadPortAsync();

        await using var connection = await transport.ConnectAsync(ConnectOptions(port)).AsTask().WaitAsync(Limit);

        Assert.Equal(Alpn, connection.ApplicationProtocol.ToString());
        foreach (var size in new[] { 1, 1000, 1 << 20 })
        {
            await AssertEchoAsync(connection, size).WaitAsync(Limit);
        }

        await connection.CloseAsync(0);
    }

    [Theory]
    [InlineData(PeerProcess.QuicGo)]
    [InlineData(PeerProcess.Quiche)]
    public async Task Listener_RetryAlways_PeerConnects(string stack)
    {
        await using var listener = await ListenAsync(Engines.Create(Engines.Ngtcp2, Ngtcp2RetryPolicy.Always));
        await using var peer = PeerProcess.StartEcho(stack, "client", Address(listener), files.Roots, Alpn, "1000");

        await using var connection = await listener.AcceptAsync().AsTask().WaitAsync(Limit);
        await ServeEchoAsync(connection).WaitAsync(Limit);

        Assert.Equal($"alpn {Alpn}\necho 1000 true\n", (await peer.ReadToEndAsync()).Output);
    }

    // The quiche peer always asks for a Retry when it serves.
    [Theory]
    [InlineData(Engines.Ngtcp2)]
    [InlineData(Engines.SystemNetQuic)]
    public async Task Connect_PeerAsksForRetry_Echoes(string engine)
    {
        var transport = Engines.Create(engine);
        await using var peer = PeerProcess.StartEcho(PeerProcess.QuicGo, "server", files.Certificate, files.Key, Alpn, "retry");
        var port = await peer.ReadPortAsync();

        await using var connection = await transport.ConnectAsync(ConnectOptions(port)).AsTask().WaitAsync(Limit);

        await AssertEchoAsync(connection, 1000).WaitAsync(Limit);
    }

    [Theory]
    [MemberData(nameof(Pairings))]
    public async Task Connect_PeerServesAnotherAlpn_IsAMismatch(string engine, string stack)
    {
        var transport = Engines.Create(engine);
        await using var peer = PeerProcess.StartEcho(stack, "server", files.Certificate, files.Key, "other/1");
        var port = await peer.ReadPortAsync();

        var e = await Assert.ThrowsAsync<TransportException>(
            () => transport.ConnectAsync(ConnectOptions(port)).AsTask().WaitAsync(Limit));

        Assert.Equal(TransportError.ApplicationProtocolMismatch, e.Error);
    }

    [Theory]
    [MemberData(nameof(Pairings))]
    public async Task Listener_PeerOffersAnotherAlpn_IsRefused(string engine, string stack)
    {
        await using var listener = await ListenAsync(Engines.Create(engine));
        await using var peer = PeerProcess.StartEcho(stack, "client", Address(listener), files.Roots, "other/1", "1");

        var (code, output) = await peer.ReadToEndAsync();

        Assert.Equal(1, code);
        Assert.Contains("failed:", output);
        Assert.DoesNotContain("alpn", output);
    }

    [Theory]
    [MemberData(nameof(Pairings))]
    public async Task Connect_PeerNotTrusted_FailsAuthentication(string engine, string stack)
    {
        var transport = Engines.Create(engine);
        using var stranger = new TestCertificates();
        await using var peer = PeerProcess.StartEcho(stack, "server", files.Certificate, files.Key, Alpn);
        var port = await peer.ReadPortAsync();

        var e = await Assert.ThrowsAsync<TransportException>(
            () => transport.ConnectAsync(ConnectOptions(port, stranger.Trust)).AsTask().WaitAsync(Limit));

        Assert.Equal(TransportError.AuthenticationFailed, e.Error);
    }

    [Theory]
    [MemberData(nameof(Pairings))]
    public async Task Listener_PeerDoesNotTrustIt_IsLeft(string engine, string stack)
    {
        await using var listener = await ListenAsync(Engines.Create(engine));
        await using var peer = PeerProcess.StartEcho(stack, "client", Address(listener), files.OtherRoots, Alpn, "1");

        var (code, output) = await peer.ReadToEndAsync();

        Assert.Equal(1, code);
        Assert.Contains("failed:", output);
    }

    private static string Address(ITransportListener listener) => $"127.0.0.1:{listener.LocalEndPoint.Port}";

    private static ValueTask<ITransportListener> ListenAsync(ITransport transport) => transport.ListenAsync(new TransportListenerOptions
    {
        EndPoint = new IPEndPoint(IPAddress.Loopback, 0),
        ApplicationProtocols = [new SslApplicationProtocol(Alpn)],
        IdleTimeout = TimeSpan.FromSeconds(20),
        Tls = new TlsServerOptions
        {
            SelectIdentity = _ => TestCertificates.Shared.Server,
            ClientCertificates = ClientCertificateMode.Requested,
            ValidateClient = TestCertificates.Shared.Trust,
        },
    });

    private static TransportConnectOptions ConnectOptions(int port, PeerCertificateValidator? validator = null) => new()
    {
        EndPoint = new IPEndPoint(IPAddress.Loopback, port),
        ApplicationProtocols = [new SslApplicationProtocol(Alpn)],
        IdleTimeout = TimeSpan.FromSeconds(20),
        Tls = new TlsClientOptions { TargetHost = "localhost", ValidateServer = validator ?? TestCertificates.Shared.Trust },
    };

    private static async Task AssertEchoAsync(ITransportConnection connection, int size)
    {
        var sent = RandomNumberGenerator.GetBytes(size);
        await using var stream = await connection.OpenStreamAsync(TransportStreamDirection.Bidirectional);
        var writing = stream.WriteAsync(sent, endStream: true).AsTask();
        using var received = new MemoryStream();
        var buffer = new byte[64 << 10];
        while (await stream.ReadAsync(buffer) is var read and > 0)
        {
            received.Write(buffer, 0, read);
        }

        await writing;
        Assert.Equal(sent, received.ToArray());
    }

    /// <summary>Echoes every stream until the peer closes; returns why the connection ended.</summary>
    private static async Task<TransportException> ServeEchoAsync(ITransportConnection connection)
    {
        var serving = new List<Task>();
        try
        {
            while (true)
            {
                serving.Add(EchoAsync(await connection.AcceptStreamAsync()));
            }
        }
        catch (TransportException e)
        {
            await Task.WhenAll(serving);
            return e;
        }
    }

    private static async Task EchoAsync(ITransportStream stream)
    {
        await using (stream)
        {
            var buffer = new byte[64 << 10];
            int read;
            do
            {
                read = await stream.ReadAsync(buffer);
                await stream.WriteAsync(buffer.AsMemory(0, read), endStream: read == 0);
            }
            while (read > 0);
        }
    }
}
