using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using RpcNet.Testing;
using RpcNet.Testing.FaultProxy;
using RpcNet.Transports;

namespace RpcNet.TransportBench;

/// <summary>One bulk transfer from a client to a server through a path that delays and loses datagrams.</summary>
internal static class LossyTransfer
{
    private static readonly SslApplicationProtocol s_alpn = new("rpcnet-bench/1");

    /// <param name="RoundTrip">Measured over the path before it loses anything.</param>
    /// <param name="Elapsed">From the first byte written to the last one read.</param>
    /// <param name="LongestPause">The longest time without a byte for the reader.</param>
    /// <param name="Intact">Whether all bytes arrived and their SHA-256 is that of what was sent.</param>
    /// <param name="MeanDatagram">Bytes of a datagram of the sender in the mean.</param>
    /// <param name="Overhead">Bytes that the sender sent for each byte transferred.</param>
    /// <param name="Failure">Why it ended early; null when it did not.</param>
    public sealed record Outcome(
        TimeSpan RoundTrip, TimeSpan Elapsed, TimeSpan LongestPause, long Received, bool Intact, double MeanDatagram, double Overhead, string? Failure);

    public static async Task<Outcome> RunAsync(
        Func<ITransport> create, long bytes, double lossRate, TimeSpan delay, int seed, TimeSpan limit, bool lossyAcknowledgements)
    {
        var serverTransport = create();
        var clientTransport = create();
        await using var listener = await serverTransport.ListenAsync(new TransportListenerOptions
        {
            EndPoint = new IPEndPoint(IPAddress.Loopback, 0),
            ApplicationProtocols = [s_alpn],
            IdleTimeout = TimeSpan.FromSeconds(30),
            StreamReceiveWindow = 16 << 20,
            Tls = new TlsServerOptions { SelectIdentity = _ => TestCertificates.Shared.Server },
        });
        await using var proxy = new UdpFaultProxy(listener.LocalEndPoint, seed);
        proxy.SetFaults(new UdpFaults { Delay = delay });
        await using var client = await clientTransport.ConnectAsync(new TransportConnectOptions
        {
            EndPoint = proxy.EndPoint,
            ApplicationProtocols = [s_alpn],
            IdleTimeout = TimeSpan.FromSeconds(30),
            Tls = new TlsClientOptions { TargetHost = "localhost", ValidateServer = TestCertificates.Shared.Trust },
        });
        await using var server = await listener.AcceptAsync();
        var roundTrip = await MeasureRoundTripAsync(client, server);

        proxy.ToTarget = new UdpFaults { Delay = delay, LossRate = lossRate };
        proxy.ToClient = new UdpFaults { Delay = delay, LossRate = lossyAcknowledgements ? lossRate : 0 };
        var before = proxy.ToTargetStatistics;
        using var stop = new CancellationTokenSource(limit);
        await using var sending = await client.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        var start = Stopwatch.GetTimestamp();
        var write = WriteAsync(sending, bytes, stop.Token);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long received = 0;
        var pause = TimeSpan.Zero;
        var last = start;
        string? failure = null;
        try
        {
            await using var receiving = await server.AcceptStreamAsync(stop.Token);
            var buffer = new byte[64 << 10];
            while (await receiving.ReadAsync(buffer, stop.Token) is var read and > 0)
            {
                var now = Stopwatch.GetTimestamp();
                pause = Max(pause, Stopwatch.GetElapsedTime(last, now));
                last = now;
                received += read;
                hash.AppendData(buffer.AsSpan(0, read));
            }
        }
        catch (Exception e) when (e is TransportException or OperationCanceledException)
        {
            failure = e is TransportException t ? t.Error.ToString() : $"not done after {limit.TotalSeconds:F0} s";
            pause = Max(pause, Stopwatch.GetElapsedTime(last));
        }

        var elapsed = Stopwatch.GetElapsedTime(start);
        var intact = false;
        if (failure is null)
        {
            var sent = await write;
            intact = received == bytes && hash.GetHashAndReset().AsSpan().SequenceEqual(sent);
        }
        else
        {
            await stop.CancelAsync();
            await write.ContinueWith(static _ => { }, TaskScheduler.Default);
        }

        var after = proxy.ToTargetStatistics;
        var datagrams = after.Sent - before.Sent;
        return new Outcome(
            roundTrip, elapsed, pause, received, intact, (double)(after.SentBytes - before.SentBytes) / Math.Max(1, datagrams),
            (double)(after.SentBytes - before.SentBytes) / (1 - lossRate) / Math.Max(1, received), failure);
    }

    /// <summary>Writes so many random bytes and returns their SHA-256.</summary>
    private static async Task<byte[]> WriteAsync(ITransportStream stream, long bytes, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var random = new Random(1);
        var buffer = new byte[64 << 10];
        while (bytes > 0)
        {
            var part = (int)Math.Min(bytes, buffer.Length);
            random.NextBytes(buffer.AsSpan(0, part));
            hash.AppendData(buffer.AsSpan(0, part));
            bytes -= part;
            await stream.WriteAsync(buffer.AsMemory(0, part), endStream: bytes == 0, cancellationToken);
        }

        return hash.GetHashAndReset();
    }

    private static async Task<TimeSpan> MeasureRoundTripAsync(ITransportConnection client, ITransportConnection server)
    {
        await using var local = await client.OpenStreamAsync(TransportStreamDirection.Bidirectional);
        await local.WriteAsync(new byte[1], endStream: false);
        await using var remote = await server.AcceptStreamAsync();
        var buffer = new byte[1];
        await remote.ReadExactlyAsync(buffer);
        var best = TimeSpan.MaxValue;
        for (var i = 0; i < 10; i++)
        {
            var start = Stopwatch.GetTimestamp();
            await local.WriteAsync(buffer, endStream: false);
            await remote.ReadExactlyAsync(buffer);
            await remote.WriteAsync(buffer, endStream: false);
            await local.ReadExactlyAsync(buffer);
            var elapsed = Stopwatch.GetElapsedTime(start);
            best = elapsed < best ? elapsed : best;
        }

        return best;
    }

    private static async ValueTask ReadExactlyAsync(this ITransportStream stream, Memory<byte> buffer)
    {
        if (await stream.ReadAsync(buffer) != buffer.Length)
        {
            throw new InvalidOperationException("The stream ended early.");
        }
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
