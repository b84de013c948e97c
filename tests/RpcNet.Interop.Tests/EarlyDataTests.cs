using System.Net;
using System.Net.Security;
using RpcNet.Testing;
using RpcNet.Testing.FaultProxy;
using RpcNet.Transports;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Interop.Tests;

/// <summary>Early data (0-RTT) of a client over quic-go to our listener. The ngtcp2 engine alone takes any.</summary>
public sealed class EarlyDataTests(CertificateFiles files) : IClassFixture<CertificateFiles>
{
    private const string Resume = "resume";
    private static readonly SslApplicationProtocol s_alpn = new("rpcnet-early/1");
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly byte[] s_key = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    [Fact]
    public async Task Listener_TakesEarlyData_HasItBeforeTheClientHasHeardOfTheServer()
    {
        await using var listener = await ListenAsync(acceptEarlyData: true);
        await using var proxy = new UdpFaultProxy(listener.LocalEndPoint);
        await using var peer = await EarnTicketAsync(listener, proxy, "1000", "100000");

        // Go counts a ticket's age from the beginning of the second in which it came, and GnuTLS takes early data only from clients
        // whose ticket is no older than it is by its own clock: a long way makes up for that.
        proxy.ToTarget = new UdpFaults { Delay = TimeSpan.FromSeconds(1.2) };
        proxy.ToClient = new UdpFaults { Blackhole = true };
        await peer.WriteLineAsync("go on");
        await using var connection = await listener.AcceptAsync().AsTask().WaitAsync(s_limit);
        await using var stream = await connection.AcceptStreamAsync().AsTask().WaitAsync(s_limit);
        var first = await ReadToEndAsync(stream).WaitAsync(s_limit);

        // Nothing has reached the client, which cannot have completed its handshake.
        Assert.Equal(1000, first.Length);
        Assert.False(connection.HandshakeCompleted.IsCompleted);
        proxy.SetFaults(UdpFaults.None);
        await stream.WriteAsync(first, endStream: true).AsTask().WaitAsync(s_limit);
        await EchoOneAsync(connection).WaitAsync(s_limit);
        await connection.HandshakeCompleted.WaitAsync(s_limit);

        var (code, output) = await peer.ReadToEndAsync();
        Assert.Equal("echo 1000 true\necho 100000 true\nresumed true early true\n", output);
        Assert.Equal(0, code);
    }

    [Fact]
    public async Task Listener_TakesNoEarlyData_HasItAfterTheHandshake()
    {
        await using var listener = await ListenAsync(acceptEarlyData: false);
        await using var proxy = new UdpFaultProxy(listener.LocalEndPoint);
        await using var peer = await EarnTicketAsync(listener, proxy, "1000", "100000");

        await peer.WriteLineAsync("go on");
        await using var connection = await listener.AcceptAsync().AsTask().WaitAsync(s_limit);
        Assert.True(connection.HandshakeCompleted.IsCompletedSuccessfully);
        await EchoOneAsync(connection).WaitAsync(s_limit);
        await EchoOneAsync(connection).WaitAsync(s_limit);

        var (code, output) = await peer.ReadToEndAsync();
        Assert.Equal("echo 1000 true\necho 100000 true\nresumed true early false\n", output);
        Assert.Equal(0, code);
    }

    // The client has a ticket that allows early data and sends some, which the listener that has come in the other's place drops.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Listener_RefusesEarlyDataThatWasSent_HasItAfterTheHandshake(bool stillAccepts)
    {
        var first = await ListenAsync(acceptEarlyData: true);
        var address = first.LocalEndPoint;
        await using var proxy = new UdpFaultProxy(address);
        await using var peer = await EarnTicketAsync(first, proxy, "1000", "100000");
        await first.DisposeAsync();
        await using var second = await ListenAsync(stillAccepts, address);

        await peer.WriteLineAsync("go on");
        await using var connection = await second.AcceptAsync().AsTask().WaitAsync(s_limit);
        Assert.True(connection.HandshakeCompleted.IsCompletedSuccessfully);
        await EchoOneAsync(connection).WaitAsync(s_limit);
        await EchoOneAsync(connection).WaitAsync(s_limit);

        var (code, output) = await peer.ReadToEndAsync();
        Assert.Equal("rejected\necho 1000 true\necho 100000 true\nresumed true early false\n", output);
        Assert.Equal(0, code);
    }

    private static async Task<ITransportListener> ListenAsync(bool acceptEarlyData, IPEndPoint? endPoint = null)
    {
        Assert.SkipWhen(Ngtcp2Transport.UnsupportedReason is not null, Ngtcp2Transport.UnsupportedReason ?? "");
        var transport = new Ngtcp2Transport(new Ngtcp2TransportOptions { AcceptEarlyData = acceptEarlyData, SecretKey = s_key });
        return await transport.ListenAsync(new TransportListenerOptions
        {
            EndPoint = endPoint ?? new IPEndPoint(IPAddress.Loopback, 0),
            ApplicationProtocols = [s_alpn],
            EarlyDataProtocols = [s_alpn],
            IdleTimeout = s_limit,
            HandshakeTimeout = s_limit,
            Tls = new TlsServerOptions { SelectIdentity = _ => TestCertificates.Shared.Server },
        });
    }

    private async Task<PeerProcess> EarnTicketAsync(ITransportListener listener, UdpFaultProxy proxy, params string[] sizes)
    {
        var peer = PeerProcess.StartGo("echo", [Resume, $"127.0.0.1:{proxy.EndPoint.Port}", files.Roots, s_alpn.ToString(), .. sizes]);
        await using var connection = await listener.AcceptAsync().AsTask().WaitAsync(s_limit);
        await peer.ExpectLineAsync("ticket");
        await connection.Closed.WaitAsync(s_limit);
        return peer;
    }

    private static async Task EchoOneAsync(ITransportConnection connection)
    {
        await using var stream = await connection.AcceptStreamAsync();
        await stream.WriteAsync(await ReadToEndAsync(stream), endStream: true);
    }

    private static async Task<byte[]> ReadToEndAsync(ITransportStream stream)
    {
        using var all = new MemoryStream();
        var buffer = new byte[64 << 10];
        while (await stream.ReadAsync(buffer) is var read and > 0)
        {
            all.Write(buffer, 0, read);
        }

        return all.ToArray();
    }
}
