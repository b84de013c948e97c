using System.Net;
using RpcNet.Transports.Ngtcp2;
using RpcNet.Transports.Ngtcp2.Internal;

namespace RpcNet.Transports.Tests.Ngtcp2;

/// <summary>Certificate validators that never come to a verdict: the handshake time-out is theirs too.</summary>
public sealed class Ngtcp2VerdictTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_handshake = TimeSpan.FromSeconds(3);

    private static readonly PeerCertificateValidator s_trust = CertificateValidators.CustomTrust(() => TestCertificates.Shared.Roots);

    private readonly ManualResetEventSlim _release = new();
    private readonly SemaphoreSlim _judging = new(0);
    private int _judged;

    public void Dispose()
    {
        _release.Dispose();
        _judging.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ValidatorOfAListener_NeverReturns_PlaceIsFreeAfterTheHandshakeTimeout(bool earlyData)
    {
        var hangingCall = earlyData ? 2 : 1;
        await using var pair = await StartAsync(client => HangAt(hangingCall, client), new Ngtcp2TransportOptions { AcceptEarlyData = earlyData });
        var listener = (Listener)pair.Listener;
        var options = Connect(pair.Listener.LocalEndPoint, earlyData, s_trust, s_limit);
        if (earlyData)
        {
            await EarnTicketAsync(pair, options);
        }

        var connecting = ConnectAndCloseAsync(pair.Transport, options);
        Assert.True(await _judging.WaitAsync(s_limit));
        Assert.Equal(1, listener.HalfOpen);
        var failure = await connecting.WaitAsync(s_limit);

        Assert.Equal(TransportError.ConnectionRefused, failure.Error);
        using var limit = new CancellationTokenSource(s_limit);
        while (listener.HalfOpen > 0)
        {
            await Task.Delay(5, limit.Token);
        }

        // A verdict that comes after all is of no consequence.
        var accepting = pair.Listener.AcceptAsync(limit.Token).AsTask();
        _release.Set();
        await using var client = await pair.Transport.ConnectAsync(options, limit.Token);
        await using var server = await accepting;
        await Ngtcp2PacketTests.EchoAsync(client, server).WaitAsync(s_limit);
        Assert.Equal(0, listener.HalfOpen);
    }

    [Fact]
    public async Task ValidatorOfAClient_NeverReturnsAfterEarlyDataWasRefused_ConnectionEnds()
    {
        // The first call judges the server that gives the ticket, the second what the ticket remembers of it.
        var key = Enumerable.Range(0, 32).Select(i => (byte)i).ToArray();
        var first = await StartAsync(s_trust, new Ngtcp2TransportOptions { AcceptEarlyData = true, SecretKey = key });
        var address = first.Listener.LocalEndPoint;
        await using var tap = new UdpTap(address);
        var transport = new Ngtcp2Transport();
        await EarnTicketAsync(first, Connect(tap.EndPoint, earlyData: true, server => HangAt(3, server), s_limit), transport);
        await first.DisposeAsync();
        await using var second = await StartAsync(s_trust, new Ngtcp2TransportOptions { SecretKey = key }, address);

        // The application has the connection before the server is heard.
        tap.HoldAnswers();
        await using var client = await transport.ConnectAsync(
            Connect(tap.EndPoint, earlyData: true, server => HangAt(3, server), s_handshake)).AsTask().WaitAsync(s_limit);
        tap.ReleaseAnswers();
        Assert.True(
            await _judging.WaitAsync(s_limit),
            client.Closed.IsCompleted ? $"never judged: {(await client.Closed).Message}" : $"never judged; early data {((Connection)client).EarlyData}");
        var end = await client.Closed.WaitAsync(s_limit);

        Assert.Equal(TransportError.HandshakeTimeout, end.Error);
        _release.Set();
    }

    private static async Task EarnTicketAsync(Ngtcp2Pair pair, TransportConnectOptions options, Ngtcp2Transport? transport = null)
    {
        var accepting = pair.Listener.AcceptAsync().AsTask();
        await using var client = await (transport ?? pair.Transport).ConnectAsync(options).AsTask().WaitAsync(s_limit);
        await using var server = await accepting.WaitAsync(s_limit);
        await Ngtcp2PacketTests.EchoAsync(client, server).WaitAsync(s_limit);
    }

    // With early data the application has the connection before the server's verdict.
    private static async Task<TransportException> ConnectAndCloseAsync(Ngtcp2Transport transport, TransportConnectOptions options)
    {
        try
        {
            await using var client = await transport.ConnectAsync(options);
            var end = await client.Closed;
            Assert.Equal(EarlyData.Accepted, ((Connection)client).EarlyData);
            return end;
        }
        catch (TransportException e)
        {
            return e;
        }
    }

    private static async Task<Ngtcp2Pair> StartAsync(
        PeerCertificateValidator validate, Ngtcp2TransportOptions engine, IPEndPoint? endPoint = null) =>
        await Ngtcp2Pair.StartAsync(
            new TransportListenerOptions
            {
                ApplicationProtocols = [Ngtcp2Pair.Protocol],
                EarlyDataProtocols = [Ngtcp2Pair.Protocol],
                EndPoint = endPoint ?? new IPEndPoint(IPAddress.Loopback, 0),
                HandshakeTimeout = s_handshake,
                IdleTimeout = s_limit,
                Tls = new TlsServerOptions
                {
                    SelectIdentity = _ => TestCertificates.Shared.Server,
                    ClientCertificates = ClientCertificateMode.Required,
                    ValidateClient = validate,
                },
            },
            engine);

    private static TransportConnectOptions Connect(
        IPEndPoint endPoint, bool earlyData, PeerCertificateValidator validate, TimeSpan handshakeTimeout) => new()
    {
        ApplicationProtocols = [Ngtcp2Pair.Protocol],
        EndPoint = endPoint,
        EarlyData = earlyData,
        HandshakeTimeout = handshakeTimeout,
        IdleTimeout = s_limit,
        Tls = new TlsClientOptions
        {
            TargetHost = "localhost",
            SelectIdentity = static () => TestCertificates.Shared.Client,
            ValidateServer = validate,
        },
    };

    private string? HangAt(int call, PeerCertificateContext context)
    {
        if (Interlocked.Increment(ref _judged) == call)
        {
            _judging.Release();
            _release.Wait(s_limit + s_limit);
        }

        return s_trust(context);
    }
}
