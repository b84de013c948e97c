using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using RpcNet.Testing;

namespace RpcNet.Transports.Tests.SystemNetQuic;

/// <summary>Who may have a port: msquic would share it with strangers.</summary>
public sealed class SystemNetQuicPortTests
{
    private const int SolSocket = 1, SoReusePort = 15;

    private static readonly SslApplicationProtocol s_alpn = new("rpcnet-port/1");
    private static readonly SslApplicationProtocol s_other = new("rpcnet-port/2");
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Listen_PortThatWasOurs_IsNotSharedWithItsNextOwner()
    {
        var (listener, client, server) = await ConnectAsync();
        var bind = listener.LocalEndPoint;
        await client.DisposeAsync();
        await server.DisposeAsync();
        await listener.DisposeAsync();
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs SO_REUSEPORT");
        using var next = await TakeAsync(bind);

        var e = await Assert.ThrowsAsync<TransportException>(() => ListenAsync(bind, s_alpn));

        Assert.Equal(TransportError.AddressInUse, e.Error);
    }

    [Fact]
    public async Task Listen_PortThatAConnectionStillUses_IsListenedToAgain()
    {
        var (listener, client, server) = await ConnectAsync();
        await listener.DisposeAsync();

        await using (var again = await ListenAsync(listener.LocalEndPoint, s_other))
        {
            Assert.Equal(listener.LocalEndPoint, again.LocalEndPoint);
        }

        await Ngtcp2.Ngtcp2PacketTests.EchoAsync(client, server).WaitAsync(s_limit);
        await client.DisposeAsync();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task Listen_RightAfterTheLastConnectionIsDisposed_Succeeds()
    {
        var (listener, client, server) = await ConnectAsync();
        var bind = listener.LocalEndPoint;
        for (var i = 0; i < 20; i++)
        {
            await listener.DisposeAsync();
            await client.DisposeAsync();
            await server.DisposeAsync();
            (listener, client, server) = await ConnectAsync(bind);
        }

        await client.DisposeAsync();
        await server.DisposeAsync();
        await listener.DisposeAsync();
    }

    // As another msquic would.
    private static async Task<Socket> TakeAsync(IPEndPoint endPoint)
    {
        using var limit = new CancellationTokenSource(s_limit);
        while (true)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            try
            {
                // Without sharing first: who else is there has to be gone.
                using (var alone = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp))
                {
                    alone.Bind(endPoint);
                }

                socket.SetRawSocketOption(SolSocket, SoReusePort, [1, 0, 0, 0]);
                socket.Bind(endPoint);
                return socket;
            }
            catch (SocketException)
            {
                socket.Dispose();
                await Task.Delay(10, limit.Token);
            }
        }
    }

    private static Task<ITransportListener> ListenAsync(IPEndPoint endPoint, SslApplicationProtocol alpn) =>
        new SystemNetQuicTransport().ListenAsync(new TransportListenerOptions
        {
            EndPoint = endPoint,
            ApplicationProtocols = [alpn],
            Tls = new TlsServerOptions { SelectIdentity = _ => TestCertificates.Shared.Server },
        }).AsTask();

    private static async Task<(ITransportListener Listener, ITransportConnection Client, ITransportConnection Server)> ConnectAsync(
        IPEndPoint? bind = null)
    {
        Assert.SkipWhen(SystemNetQuicTransport.UnsupportedReason is not null, SystemNetQuicTransport.UnsupportedReason ?? "");
        var listener = await ListenAsync(bind ?? new IPEndPoint(IPAddress.Loopback, 0), s_alpn);
        var accepting = listener.AcceptAsync().AsTask();
        var client = await new SystemNetQuicTransport().ConnectAsync(new TransportConnectOptions
        {
            EndPoint = listener.LocalEndPoint,
            ApplicationProtocols = [s_alpn],
            Tls = new TlsClientOptions { TargetHost = "localhost", ValidateServer = TestCertificates.Shared.Trust },
        });
        return (listener, client, await accepting.WaitAsync(s_limit));
    }
}
