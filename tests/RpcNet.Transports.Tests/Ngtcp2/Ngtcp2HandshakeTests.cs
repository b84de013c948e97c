using System.Net;
using RpcNet.Testing.FaultProxy;
using RpcNet.Transports.Ngtcp2;
using RpcNet.Transports.Ngtcp2.Internal;

namespace RpcNet.Transports.Tests.Ngtcp2;

/// <summary>Handshakes that are begun and not completed.</summary>
public sealed class Ngtcp2HandshakeTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task HalfOpen_MoreThanTheBound_AreDroppedAndForgottenInTime()
    {
        const int Bound = 4;
        var engine = new Ngtcp2TransportOptions { MaxHalfOpenConnections = Bound, Retry = Ngtcp2RetryPolicy.Never };
        await using var pair = await Ngtcp2Pair.StartAsync(Listen(TimeSpan.FromSeconds(2)), engine);
        await using var proxy = new UdpFaultProxy(pair.Listener.LocalEndPoint);
        proxy.ToClient = new UdpFaults { Blackhole = true };
        var listener = (Listener)pair.Listener;
        using var cancel = new CancellationTokenSource();
        var connecting = Enumerable.Range(0, 20)
            .Select(_ => pair.Transport.ConnectAsync(Ngtcp2Pair.ConnectOptions(proxy.EndPoint), cancel.Token).AsTask()).ToList();

        var most = 0;
        using var limit = new CancellationTokenSource(s_limit);
        while (most < Bound || proxy.ToTargetStatistics.Received < 40)
        {
            most = Math.Max(most, listener.HalfOpen);
            await Task.Delay(1, limit.Token);
        }

        Assert.Equal(Bound, most);
        await cancel.CancelAsync();
        foreach (var connect in connecting)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connect);
        }

        while (listener.HalfOpen > 0)
        {
            await Task.Delay(5, limit.Token);
        }

        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);
        await Ngtcp2PacketTests.EchoAsync(client, server);
    }

    // The server goes while it judges the client, which has all keys by then, and comes back without a memory of it.
    [Fact]
    public async Task Handshake_ServerRestartedInItsMidst_IsBegunAgain()
    {
        var engine = new Ngtcp2TransportOptions { SecretKey = Enumerable.Range(0, 32).Select(i => (byte)i).ToArray() };
        using var judging = new SemaphoreSlim(0);
        using var release = new ManualResetEventSlim();
        var first = await Ngtcp2Pair.StartAsync(
            Listen(s_limit, validate: _ =>
            {
                judging.Release();
                release.Wait(s_limit);
                return null;
            }),
            engine);
        var address = first.Listener.LocalEndPoint;
        await using var path = new Conformance.ProxiedPath(address);
        var options = Ngtcp2Pair.ConnectOptions(path.EndPoint, TestCertificates.Shared.Client);

        // Nothing but the reset has it begin again within the test's time.
        var connecting = new Ngtcp2Transport().ConnectAsync(new TransportConnectOptions
        {
            ApplicationProtocols = options.ApplicationProtocols,
            EndPoint = options.EndPoint,
            Tls = options.Tls,
            HandshakeTimeout = TimeSpan.FromMinutes(2),
            IdleTimeout = TimeSpan.FromMinutes(2),
            KeepAliveInterval = TimeSpan.FromMilliseconds(100),
        }).AsTask();
        Assert.True(await judging.WaitAsync(s_limit));
        path.Cut();
        await first.DisposeAsync();
        release.Set();

        await using var second = await Ngtcp2Pair.StartAsync(
            Ngtcp2Pair.ListenerOptions(address, ClientCertificateMode.Required), engine);
        var accepting = second.Listener.AcceptAsync();

        // The good-bye of the first server may still wait in the path's old socket.
        path.Rebind();
        path.Restore();

        await using var client = await connecting.WaitAsync(s_limit);
        await using var server = await accepting.AsTask().WaitAsync(s_limit);
        Assert.NotNull(server.RemoteCertificate);
        await Ngtcp2PacketTests.EchoAsync(client, server);
    }

    // A chain of certificates that takes more datagrams than the client's first one allows.
    [Fact]
    public async Task Handshake_AddressUnproven_ServerSendsAtMostThreeTimesWhatItReceived()
    {
        var server = TestCertificates.Shared.Server;
        var lengthy = new TlsIdentity(server.Certificate, [.. Enumerable.Repeat(TestCertificates.Shared.Roots[0], 30)]);
        await using var pair = await Ngtcp2Pair.StartAsync(
            Ngtcp2Pair.ListenerOptions(identity: lengthy), new Ngtcp2TransportOptions { Retry = Ngtcp2RetryPolicy.Never });
        await using var proxy = new UdpFaultProxy(pair.Listener.LocalEndPoint);
        proxy.ToClient = new UdpFaults { Blackhole = true };
        using var cancel = new CancellationTokenSource();
        var connecting = pair.Transport.ConnectAsync(Ngtcp2Pair.ConnectOptions(proxy.EndPoint), cancel.Token).AsTask();
        using var limit = new CancellationTokenSource(s_limit);
        long answers, questions;
        do
        {
            await Task.Delay(1, limit.Token);
            answers = proxy.ToClientStatistics.Received;
            questions = proxy.ToTargetStatistics.Received;

            // All are of 1,200 bytes: so long are a client's first ones at least, and so long at most what precedes path MTU discovery.
            Assert.True(answers <= 3 * questions, $"{answers} datagrams for {questions}");
        }
        while (questions < 4);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting);
        Assert.True(answers >= 3, $"only {answers} answers: the limit was never reached");
    }

    private static TransportListenerOptions Listen(TimeSpan handshakeTimeout, PeerCertificateValidator? validate = null) => new()
    {
        ApplicationProtocols = [Ngtcp2Pair.Protocol],
        EndPoint = new IPEndPoint(IPAddress.Loopback, 0),
        HandshakeTimeout = handshakeTimeout,
        Tls = new TlsServerOptions
        {
            SelectIdentity = _ => TestCertificates.Shared.Server,
            ClientCertificates = validate is null ? ClientCertificateMode.None : ClientCertificateMode.Required,
            ValidateClient = validate,
        },
    };
}
