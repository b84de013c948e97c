using System.Diagnostics;
using RpcNet.Testing.FaultProxy;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Transports.Tests.Ngtcp2;

public sealed class Ngtcp2LossTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(0.02, 4, Ngtcp2CongestionControl.Cubic)]
    [InlineData(0.10, 1, Ngtcp2CongestionControl.Cubic)]
    [InlineData(0.10, 4, Ngtcp2CongestionControl.Bbr)]
    public async Task Bulk_OverALossyPath_ArrivesIntact(double loss, int mebibytes, Ngtcp2CongestionControl control)
    {
        await using var pair = await Ngtcp2Pair.StartAsync(engine: new Ngtcp2TransportOptions { CongestionControl = control });
        await using var proxy = new UdpFaultProxy(pair.Listener.LocalEndPoint);
        var faults = new UdpFaults { LossRate = loss, DuplicationRate = 0.01, ReorderRate = 0.02, Delay = TimeSpan.FromMilliseconds(2) };
        proxy.ToTarget = faults;
        proxy.ToClient = faults;
        var (client, server) = await pair.ConnectAsync(Ngtcp2Pair.ConnectOptions(proxy.EndPoint)).WaitAsync(s_limit);
        await using var stream = await client.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        var sent = new byte[mebibytes << 20];
        new Random(4).NextBytes(sent);
        var start = Stopwatch.GetTimestamp();
        var write = stream.WriteAsync(sent, endStream: true);
        await using var remote = await server.AcceptStreamAsync().AsTask().WaitAsync(s_limit);
        var received = new MemoryStream();
        var buffer = new byte[64 << 10];
        while (await remote.ReadAsync(buffer).AsTask().WaitAsync(s_limit) is var read and > 0)
        {
            received.Write(buffer, 0, read);
        }

        await write;
        Assert.Equal(sent, received.ToArray());
        await stream.WritesClosed.WaitAsync(s_limit);
        TestContext.Current.SendDiagnosticMessage(
            $"{mebibytes} MiB at {loss:P0} loss with {control}: {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s");
    }
}
