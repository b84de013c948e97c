using RpcNet.Transports.Ngtcp2;
using RpcNet.Transports.Ngtcp2.Internal;
using Stream = RpcNet.Transports.Ngtcp2.Internal.Stream;

namespace RpcNet.Transports.Tests.Ngtcp2;

/// <summary>An I/O thread that the machine, or a collection of garbage, has held up.</summary>
public sealed class Ngtcp2LateLoopTests
{
    private const int Clients = 40;

    // The least that the kernel accounts for a datagram.
    private const int SmallDatagram = 768;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_idle = TimeSpan.FromSeconds(20);

    // The kernel has a packet of each client, which the thread has not seen when the clients' time is over.
    [Fact]
    public async Task Loop_HeldUpForTheIdleTimeout_LosesNobodyWhosePacketsWait()
    {
        Assert.SkipUnless(Ngtcp2Transport.IsSupported, Ngtcp2Transport.UnsupportedReason ?? "");
        var clock = new AheadClock();
        await using var listener = await new Ngtcp2Transport(timeProvider: clock).ListenAsync(new TransportListenerOptions
        {
            ApplicationProtocols = [Ngtcp2Pair.Protocol],
            EndPoint = Ngtcp2Pair.ListenerOptions().EndPoint,
            Tls = Ngtcp2Pair.ListenerOptions().Tls,
            IdleTimeout = s_idle,
        });
        var transport = new Ngtcp2Transport();
        var pairs = new List<(ITransportConnection Client, ITransportConnection Server, ITransportStream Stream)>();
        for (var i = 0; i < Clients; i++)
        {
            var accept = listener.AcceptAsync();
            var client = await transport.ConnectAsync(new TransportConnectOptions
            {
                ApplicationProtocols = [Ngtcp2Pair.Protocol],
                EndPoint = listener.LocalEndPoint,
                Tls = Ngtcp2Pair.ConnectOptions(listener.LocalEndPoint).Tls,
                IdleTimeout = s_idle,
            });
            pairs.Add((client, await accept, await client.OpenStreamAsync(TransportStreamDirection.Unidirectional)));
        }

        var serving = ((Connection)pairs[0].Server).Loop;
        using var held = new SemaphoreSlim(0);
        using var release = new ManualResetEventSlim();
        serving.Post(() =>
        {
            held.Release();
            release.Wait(s_limit);
        });
        Assert.True(await held.WaitAsync(s_limit));
        foreach (var (_, _, stream) in pairs)
        {
            await stream.WriteAsync(new byte[1], endStream: false);
        }

        using var limit = new CancellationTokenSource(s_limit);
        while (pairs.Exists(pair => ((Stream)pair.Stream).HasUnsent) || Queued(listener.LocalEndPoint.Port) < Clients * SmallDatagram)
        {
            await Task.Delay(1, limit.Token);
        }

        clock.Advance(s_idle);
        release.Set();
        await RoundAsync(serving);
        await RoundAsync(serving);

        Assert.Empty(pairs.Where(pair => pair.Server.Closed.IsCompleted).Select(pair => pair.Server.Closed.Result.Message));
        foreach (var (client, server, _) in pairs)
        {
            await server.AcceptStreamAsync().AsTask().WaitAsync(s_limit);
            await Ngtcp2PacketTests.EchoAsync(client, server);
            await client.DisposeAsync();
            await server.DisposeAsync();
        }
    }

    // What the kernel accounts for the datagrams that wait in a socket.
    private static long Queued(int port)
    {
        var line = File.ReadLines("/proc/net/udp").First(line => line.Contains($":{port:X4} 00000000:0000", StringComparison.Ordinal));
        var queues = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[4];
        return Convert.ToInt64(queues[(queues.IndexOf(':', StringComparison.Ordinal) + 1)..], 16);
    }

    private static Task RoundAsync(EndpointLoop loop)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        loop.Post(done.SetResult);
        return done.Task.WaitAsync(s_limit);
    }

    private sealed class AheadClock : TimeProvider
    {
        private long _ahead;

        public void Advance(TimeSpan by) => Interlocked.Add(ref _ahead, (long)(by.TotalSeconds * TimestampFrequency));

        public override long GetTimestamp() => base.GetTimestamp() + Interlocked.Read(ref _ahead);
    }
}
