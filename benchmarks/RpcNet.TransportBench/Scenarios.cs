using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Runtime.CompilerServices;
using RpcNet.Testing;
using RpcNet.Transports;
using RpcNet.Transports.Ngtcp2.Internal;

namespace RpcNet.TransportBench;

/// <summary>What a scenario measured.</summary>
internal sealed record Result(double Rate, string Unit, double BytesPerOperation, double CpuMicrosecondsPerOperation);

/// <summary>Both ends in this process, through the transport seam.</summary>
internal static class Scenarios
{
    private const int FrameSize = 100;

    // A client keeps no more of them for one server, and uses each once.
    private const int TicketsKept = 4;
    private static readonly SslApplicationProtocol s_alpn = new("bench/1");

    public static IEnumerable<(string Name, Func<Engine, TimeSpan, Task<Result>> Run)> All()
    {
        foreach (var inFlight in (int[])[1, 64, 1000])
        {
            yield return ($"frames-{inFlight}", (engine, time) => OnPairAsync(engine, (c, s) => FramesAsync(c, s, inFlight, time)));
        }

        foreach (var inFlight in (int[])[1, 64])
        {
            yield return ($"streams-{inFlight}", (engine, time) => OnPairAsync(engine, (c, s) => StreamsAsync(c, s, inFlight, time)));
        }

        yield return ("frames-64-inline", (engine, time) => OnPairAsync(engine, (c, s) => FramesAsync(c, s, 64, time, inline: true)));
        yield return ("bulk", (engine, time) => OnPairAsync(engine, (c, s) => BulkAsync(c, s, time)));
        yield return ("bulk-inline", (engine, time) => OnPairAsync(engine, (c, s) => BulkAsync(c, s, time, inline: true)));
        yield return ("handshakes-full", (engine, time) => HandshakesAsync(engine.Create(), engine.CreateFull?.Invoke() ?? engine.Create(), 16, time));
        yield return ("handshakes-resumed", (engine, time) =>
        {
            var transport = engine.Create();
            return HandshakesAsync(transport, transport, TicketsKept, time, resumed: true);
        });
    }

    public static (TransportListenerOptions Listener, Func<IPEndPoint, TransportConnectOptions> Connect) IdleOptions() =>
        (ListenerOptions(), ConnectOptions);

    private static TransportListenerOptions ListenerOptions() => new()
    {
        ApplicationProtocols = [s_alpn],
        EndPoint = new IPEndPoint(IPAddress.Loopback, 0),
        Tls = new TlsServerOptions
        {
            SelectIdentity = _ => TestCertificates.Shared.Server,
            ClientCertificates = ClientCertificateMode.None,
        },
    };

    private static TransportConnectOptions ConnectOptions(IPEndPoint target) => new()
    {
        ApplicationProtocols = [s_alpn],
        EndPoint = target,
        Tls = new TlsClientOptions { ValidateServer = _ => null },
    };

    private static async Task<Result> OnPairAsync(
        Engine engine, Func<ITransportConnection, ITransportConnection, Task<Result>> run)
    {
        var transport = engine.Create();
        await using var listener = await transport.ListenAsync(ListenerOptions());
        var accept = listener.AcceptAsync();
        await using var client = await transport.ConnectAsync(ConnectOptions(listener.LocalEndPoint));
        await using var server = await accept;
        return await run(client, server);
    }

    // Frames of 100 bytes over one stream, echoed in the batches in which they arrive. Inline, both ends go on where the engine
    // has received, as RpcNet's lanes do; otherwise on the thread pool.
    private static async Task<Result> FramesAsync(
        ITransportConnection client, ITransportConnection server, int inFlight, TimeSpan time, bool inline = false)
    {
        await using var stream = await client.OpenStreamAsync(TransportStreamDirection.Bidirectional);
        var echo = Task.Run(async () =>
        {
            await using var remote = await server.AcceptStreamAsync();
            StayInline(remote, inline);
            await EchoAsync(remote);
            await LeaveEngineAsync();
        });
        StayInline(stream, inline);
        var window = new byte[inFlight * FrameSize];
        var buffer = new byte[256 * 1024];
        await stream.WriteAsync(window, endStream: false);
        long done = 0;
        long bytes = 0;
        var (start, allocated) = Begin();
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            bytes += await stream.ReadAsync(buffer);
            var frames = (bytes / FrameSize) - done;
            if (frames > 0)
            {
                done += frames;
                await stream.WriteAsync(buffer.AsMemory(0, (int)frames * FrameSize), endStream: false);
            }
        }

        var result = End(start, allocated, done, "frames/s");
        await LeaveEngineAsync();
        await stream.WriteAsync(default, endStream: true);
        while (await stream.ReadAsync(buffer) > 0)
        {
        }

        await LeaveEngineAsync();
        await echo;
        return result;
    }

    private static void StayInline(ITransportStream stream, bool inline)
    {
        if (inline)
        {
            stream.AllowInlineReads();
            stream.AllowInlineWrites();
        }
    }

    // What follows a measurement may take long, and has no place on the engine's thread.
    private static ConfiguredTaskAwaitable LeaveEngineAsync() => Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);

    private static async Task<Result> StreamsAsync(
        ITransportConnection client, ITransportConnection server, int inFlight, TimeSpan time)
    {
        using var stop = new CancellationTokenSource();
        var serving = Task.Run(async () =>
        {
            try
            {
                while (true)
                {
                    var remote = await server.AcceptStreamAsync(stop.Token);
                    _ = EchoAndDisposeAsync(remote);
                }
            }
            catch (OperationCanceledException)
            {
            }
        });
        await Task.WhenAll(Enumerable.Range(0, inFlight).Select(_ => CallAsync(client, 50)));
        var (start, allocated) = Begin();
        var end = start + (long)(time.TotalSeconds * Stopwatch.Frequency);
        long done = 0;
        await Task.WhenAll(Enumerable.Range(0, inFlight).Select(_ => Task.Run(async () =>
        {
            while (Stopwatch.GetTimestamp() < end)
            {
                await CallAsync(client, 1);
                Interlocked.Increment(ref done);
            }
        })));
        var result = End(start, allocated, done, "streams/s");
        await stop.CancelAsync();
        await serving;
        return result;
    }

    private static async Task CallAsync(ITransportConnection client, int count)
    {
        var request = new byte[FrameSize];
        var response = new byte[FrameSize * 2];
        for (; count > 0; count--)
        {
            await using var stream = await client.OpenStreamAsync(TransportStreamDirection.Bidirectional);
            await stream.WriteAsync(request, endStream: true);
            while (await stream.ReadAsync(response) > 0)
            {
            }
        }
    }

    private static async Task<Result> BulkAsync(
        ITransportConnection client, ITransportConnection server, TimeSpan time, bool inline = false)
    {
        await using var stream = await client.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        StayInline(stream, inline);
        long received = 0;
        await stream.WriteAsync(new byte[1], endStream: false);
        await using var remote = await server.AcceptStreamAsync();
        StayInline(remote, inline);
        var reading = Task.Run(async () =>
        {
            var buffer = new byte[256 * 1024];
            while (await remote.ReadAsync(buffer) is var read and > 0)
            {
                Interlocked.Add(ref received, read);
            }

            await LeaveEngineAsync();
        });
        var chunk = new byte[64 * 1024];
        for (var i = 0; i < 500; i++)
        {
            await stream.WriteAsync(chunk, endStream: false);
        }

        var before = Interlocked.Read(ref received);
        var (start, allocated) = Begin();
        while (Stopwatch.GetElapsedTime(start) < time)
        {
            await stream.WriteAsync(chunk, endStream: false);
        }

        var result = End(start, allocated, Interlocked.Read(ref received) - before, "MB/s");
        await LeaveEngineAsync();
        await stream.WriteAsync(default, endStream: true);
        await reading;
        return result with
        {
            Rate = result.Rate / 1e6,
            BytesPerOperation = result.BytesPerOperation * chunk.Length,
            CpuMicrosecondsPerOperation = result.CpuMicrosecondsPerOperation * chunk.Length,
        };
    }

    private static async Task<Result> HandshakesAsync(
        ITransport server, ITransport transport, int atOnce, TimeSpan time, bool resumed = false)
    {
        await using var listener = await server.ListenAsync(ListenerOptions());
        using var stop = new CancellationTokenSource();
        var accepting = Task.Run(async () =>
        {
            try
            {
                while (true)
                {
                    var accepted = await listener.AcceptAsync(stop.Token);
                    _ = accepted.Closed.ContinueWith(_ => accepted.DisposeAsync(), TaskScheduler.Default);
                }
            }
            catch (OperationCanceledException)
            {
            }
        });
        var (start, allocated) = Begin();
        long done = 0;
        long full = 0;
        await Task.WhenAll(Enumerable.Range(0, atOnce).Select(_ => Task.Run(async () =>
        {
            while (Stopwatch.GetElapsedTime(start) < time)
            {
                await using var connection = await transport.ConnectAsync(ConnectOptions(listener.LocalEndPoint));
                Interlocked.Increment(ref done);
                if (connection is Connection { IsResumed: false })
                {
                    Interlocked.Increment(ref full);
                }
            }
        })));
        var result = End(start, allocated, done, "handshakes/s");
        if (resumed && full > done / 20)
        {
            throw new InvalidOperationException($"{full} of {done} handshakes were full ones");
        }

        await stop.CancelAsync();
        await accepting;
        return result;
    }

    private static async Task EchoAndDisposeAsync(ITransportStream stream)
    {
        await using (stream)
        {
            await EchoAsync(stream, 512);
        }
    }

    private static async Task EchoAsync(ITransportStream stream, int size = 256 * 1024)
    {
        var buffer = new byte[size];
        while (true)
        {
            var read = await stream.ReadAsync(buffer);
            await stream.WriteAsync(buffer.AsMemory(0, read), endStream: read == 0);
            if (read == 0)
            {
                return;
            }
        }
    }

    private static (long Start, Begun Before) Begin() =>
        (Stopwatch.GetTimestamp(), new Begun(GC.GetTotalAllocatedBytes(), Environment.CpuUsage.TotalTime));

    private static Result End(long start, Begun before, long operations, string unit)
    {
        var elapsed = Stopwatch.GetElapsedTime(start).TotalSeconds;
        var count = (double)Math.Max(1, operations);
        return new Result(
            operations / elapsed,
            unit,
            (GC.GetTotalAllocatedBytes() - before.Allocated) / count,
            (Environment.CpuUsage.TotalTime - before.Cpu).TotalMicroseconds / count);
    }

    private readonly record struct Begun(long Allocated, TimeSpan Cpu);
}
