using System.Diagnostics;
using System.Net;
using System.Net.Security;
using RpcNet.Testing;
using RpcNet.Testing.FaultProxy;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Transports.Tests.FaultProxy;

/// <summary>
/// Bulk over a path of 20 ms each way that loses datagrams in both directions: intact, and within twice the time that the
/// congestion control's formula predicts, √(3/(2p)) segments in flight (docs/transports.md). Minutes each, so in the slow tier.
/// </summary>
public sealed class LossyTransferTests
{
    private const double SegmentPayload = 1400;
    private static readonly SslApplicationProtocol s_alpn = new("rpcnet-lossy/1");
    private static readonly TimeSpan s_delay = TimeSpan.FromMilliseconds(20);

    [Theory]
    [InlineData("cubic", 0.01, 64)]
    [InlineData("cubic", 0.05, 8)]
    [InlineData("cubic", 0.10, 4)]
    [InlineData("reno", 0.01, 64)]
    [InlineData("reno", 0.05, 8)]
    [InlineData("reno", 0.10, 4)]
    [InlineData("SystemNetQuic", 0.01, 64)]
    [InlineData("SystemNetQuic", 0.05, 8)]
    [InlineData("SystemNetQuic", 0.10, 4)]
    public async Task Bulk_LossBasedControl_TakesAtMostTwiceThePrediction(string subject, double loss, int mebibytes)
    {
        var elapsed = await TransferAsync(subject, loss, mebibytes);

        Assert.InRange(elapsed.TotalSeconds, 0, 2 * Predict(loss, mebibytes));
    }

    [Theory]
    [InlineData(0.01, 64)]
    [InlineData(0.05, 8)]
    [InlineData(0.10, 4)]
    public async Task Bulk_Bbr_IsSeveralTimesFaster(double loss, int mebibytes)
    {
        var elapsed = await TransferAsync("bbr", loss, mebibytes);

        Assert.InRange(elapsed.TotalSeconds, 0, Predict(loss, mebibytes) / 3);
    }

    private static double Predict(double loss, int mebibytes) =>
        (mebibytes << 20) / (Math.Sqrt(1.5 / loss) * SegmentPayload / (2 * s_delay).TotalSeconds);

    private static async Task<TimeSpan> TransferAsync(string subject, double loss, int mebibytes)
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("RPCNET_TESTS") == "all", "set RPCNET_TESTS=all for transfers of minutes");
        var transport = Create(subject);
        await using var listener = await transport.ListenAsync(new TransportListenerOptions
        {
            EndPoint = new IPEndPoint(IPAddress.Loopback, 0),
            ApplicationProtocols = [s_alpn],
            IdleTimeout = TimeSpan.FromSeconds(30),
            StreamReceiveWindow = 16 << 20,
            Tls = new TlsServerOptions { SelectIdentity = _ => TestCertificates.Shared.Server },
        });
        await using var proxy = new UdpFaultProxy(listener.LocalEndPoint);
        proxy.SetFaults(new UdpFaults { Delay = s_delay });
        await using var client = await transport.ConnectAsync(new TransportConnectOptions
        {
            EndPoint = proxy.EndPoint,
            ApplicationProtocols = [s_alpn],
            IdleTimeout = TimeSpan.FromSeconds(30),
            Tls = new TlsClientOptions { TargetHost = "localhost", ValidateServer = TestCertificates.Shared.Trust },
        });
        await using var server = await listener.AcceptAsync();
        proxy.SetFaults(new UdpFaults { Delay = s_delay, LossRate = loss });
        var sent = new byte[mebibytes << 20];
        new Random(3).NextBytes(sent);
        await using var sending = await client.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        var start = Stopwatch.GetTimestamp();
        var write = sending.WriteAsync(sent, endStream: true).AsTask();
        await using var receiving = await server.AcceptStreamAsync();
        var received = new byte[sent.Length];
        var length = 0;
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(8));
        while (await receiving.ReadAsync(received.AsMemory(length), limit.Token) is var read and > 0)
        {
            length += read;
        }

        var elapsed = Stopwatch.GetElapsedTime(start);
        await write;
        Assert.Equal(sent.Length, length);
        Assert.True(sent.AsSpan().SequenceEqual(received), "The bytes differ.");
        TestContext.Current.SendDiagnosticMessage($"{subject} {loss:P0} {mebibytes} MiB: {elapsed.TotalSeconds:F1} s");
        return elapsed;
    }

    private static ITransport Create(string subject)
    {
        if (subject == "SystemNetQuic")
        {
            Assert.SkipWhen(SystemNetQuicTransport.UnsupportedReason is not null, SystemNetQuicTransport.UnsupportedReason ?? "");
            return new SystemNetQuicTransport();
        }

        Assert.SkipWhen(Ngtcp2Transport.UnsupportedReason is not null, Ngtcp2Transport.UnsupportedReason ?? "");
        return new Ngtcp2Transport(new Ngtcp2TransportOptions
        {
            CongestionControl = Enum.Parse<Ngtcp2CongestionControl>(subject, ignoreCase: true),

            // What an Ethernet path carries, although loopback carries more.
            MaxUdpPayloadSize = 1452,
        });
    }
}
