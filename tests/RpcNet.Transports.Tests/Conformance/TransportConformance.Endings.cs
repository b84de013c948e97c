using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace RpcNet.Transports.Tests.Conformance;

public abstract partial class TransportConformance
{
    /// <summary>The engine that a listener of another process shall use; null where there is none.</summary>
    protected virtual string? ProcessEngine => null;

    [Fact]
    public async Task Process_Killed_ConnectionIsDeadWithinTheIdleTimeout()
    {
        Assert.SkipWhen(ProcessEngine is null, "this engine does not leave the process");
        var idle = TimeSpan.FromSeconds(2);
        using var process = StartPeer(out var target);
        var settings = new Settings
        {
            IdleTimeout = idle,
            KeepAlive = TimeSpan.FromMilliseconds(500),
            ValidateServer = _ => null,
        };

        // The peer's first handshake, while its code is compiled, would pass for a round trip of a second, and silence counts from
        // three probe time-outs on (RFC 9000 section 10.1).
        await ConnectAsync(target, settings);
        var client = await ConnectAsync(target, settings);
        await using var stream = await client.OpenStreamAsync(TransportStreamDirection.Bidirectional, Limit);
        await stream.WriteAsync(new byte[100], endStream: false, Limit);
        var reading = stream.ReadAsync(new byte[1], Limit).AsTask();

        var since = Stopwatch.GetTimestamp();
        process.Kill();
        var closed = await client.Closed.WaitAsync(Limit);
        var took = Stopwatch.GetElapsedTime(since);

        TestContext.Current.SendDiagnosticMessage($"{Engine}: {closed.Error} after {took.TotalSeconds:F2} s");
        Assert.Contains(closed.Error, new[] { TransportError.ConnectionIdle, TransportError.ConnectionRefused, TransportError.ConnectionAborted });
        Assert.True(took < idle + TimeSpan.FromSeconds(5), $"it took {took}");
        await Assert.ThrowsAsync<TransportException>(() => reading.WaitAsync(Limit));
    }

    [Fact]
    public async Task Path_Rebinding_ConnectionGoesOn()
    {
        var listener = await ListenAsync();
        var path = Own(CreatePath(listener.LocalEndPoint));
        Assert.SkipUnless(path is ProxiedPath, "this engine has no addresses to change");
        var pair = await ConnectPairAsync(listener, path.EndPoint);
        await EchoOnceAsync(pair);

        for (var i = 0; i < 3; i++)
        {
            ((ProxiedPath)path).Rebind();

            // Round trips enough to validate the new path and to hand out other connection ids: msquic keeps four paths, and was
            // seen to stay on an old one for good when three changed within 14 ms, which no NAT does.
            for (var echo = 0; echo < 10; echo++)
            {
                await EchoOnceAsync(pair);
            }
        }

        Assert.False(pair.Client.Closed.IsCompleted);
        Assert.False(pair.Server.Closed.IsCompleted);
    }

    [Fact]
    public async Task Load_ThousandsOfStreamsAtOnce_EachCarriesItsOwn()
    {
        const int Count = 3000;
        var pair = await ConnectPairAsync(new Settings { MaxBidirectional = Count });
        var serving = ServeEchoAsync(pair.Server, Count);
        var streams = new List<ITransportStream>(Count);
        for (var i = 0; i < Count; i++)
        {
            var stream = await pair.Client.OpenStreamAsync(TransportStreamDirection.Bidirectional, Limit);
            streams.Add(stream);
            await stream.WriteAsync(BitConverter.GetBytes(i), endStream: false, Limit);
        }

        // All are open now, and each is finished in the reverse order.
        for (var i = Count - 1; i >= 0; i--)
        {
            await streams[i].WriteAsync(BitConverter.GetBytes(~i), endStream: true, Limit);
            byte[] expected = [.. BitConverter.GetBytes(i), .. BitConverter.GetBytes(~i)];
            Assert.Equal(expected, await ReadToEndAsync(streams[i]));
            await streams[i].DisposeAsync();
        }

        await serving;
    }

    [Fact]
    public async Task FlowControl_WriterStalls_ReaderWaitsAndTheOthersFlow()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        await local.WriteAsync(RandomBytes(500), endStream: false, Limit);
        Assert.Equal(RandomBytes(500), await ReadExactlyAsync(remote, 500));

        var waiting = remote.ReadAsync(new byte[10], Limit).AsTask();
        for (var i = 0; i < 20; i++)
        {
            await EchoOnceAsync(pair);
        }

        Assert.False(waiting.IsCompleted);
        await local.WriteAsync(RandomBytes(10), endStream: true, Limit);
        Assert.True(await waiting > 0);
    }

    [Fact]
    public async Task Abort_ResetAndStopSendingAtOnce_ManyTimes_TheConnectionLives()
    {
        var pair = await ConnectPairAsync();
        for (var i = 0; i < 100; i++)
        {
            var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
            var writing = WriteUntilItFailsAsync(local);
            var reading = ReadToEndAsync(remote);
            await Task.WhenAll(
                Task.Run(() => local.AbortWrite(i), Limit),
                Task.Run(() => remote.AbortRead(i + 1), Limit),
                Task.Run(() => local.AbortRead(i + 2), Limit),
                Task.Run(() => remote.AbortWrite(i + 3), Limit));

            await ExpectAsync([TransportError.Disposed, TransportError.StreamAborted], () => writing);
            await ExpectAsync([TransportError.Disposed, TransportError.StreamAborted], () => reading);
            await local.DisposeAsync();
            await remote.DisposeAsync();
        }

        await EchoOnceAsync(pair);
    }

    [Fact]
    public async Task Cancel_Close_TheConnectionEndsAllTheSame()
    {
        var pair = await ConnectPairAsync();
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        try
        {
            await pair.Client.CloseAsync(7, cancelled.Token);
        }
        catch (OperationCanceledException e)
        {
            Assert.Equal(cancelled.Token, e.CancellationToken);
            await pair.Client.DisposeAsync();
        }

        Assert.Equal(TransportError.Disposed, (await pair.Client.Closed.WaitAsync(Limit)).Error);
        Assert.Equal(TransportError.ConnectionAborted, (await pair.Server.Closed.WaitAsync(Limit)).Error);
    }

    /// <summary>Whatever is under way when something is disposed ends, and in no other way than the seam allows.</summary>
    [Theory]
    [InlineData("stream")]
    [InlineData("peer's stream")]
    [InlineData("connection")]
    [InlineData("peer's connection")]
    [InlineData("listener")]
    public async Task Dispose_WhileEverythingIsPending_EveryCallEnds(string what)
    {
        for (var i = 0; i < 5; i++)
        {
            var settings = new Settings { StreamWindow = 64 * 1024, MaxUnidirectional = 0 };
            var listener = await ListenAsync(settings);
            var pair = await ConnectPairAsync(listener, listener.LocalEndPoint, settings);
            var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
            var ofListener = new List<Task> { listener.AcceptAsync(Limit).AsTask() };
            var ofStream = new List<Task>
            {
                local.ReadAsync(new byte[10], Limit).AsTask(),
                local.WriteAsync(new byte[32 << 20], endStream: true, Limit).AsTask(),
                local.WritesClosed,
                remote.WritesClosed,
            };
            var ofConnection = new List<Task>
            {
                pair.Client.AcceptStreamAsync(Limit).AsTask(),
                pair.Client.OpenStreamAsync(TransportStreamDirection.Unidirectional, Limit).AsTask(),
                pair.Server.AcceptStreamAsync(Limit).AsTask(),
                pair.Server.OpenStreamAsync(TransportStreamDirection.Unidirectional, Limit).AsTask(),
            };
            if (i % 2 == 1)
            {
                await Task.Delay(i, Limit);
            }

            IAsyncDisposable disposed = what switch
            {
                "stream" => local,
                "peer's stream" => remote,
                "connection" => pair.Client,
                "peer's connection" => pair.Server,
                _ => listener,
            };
            await Task.WhenAll(
                Task.Run(async () => await disposed.DisposeAsync(), Limit), Task.Run(async () => await disposed.DisposeAsync(), Limit));

            foreach (var call in what switch
            {
                "listener" => ofListener,
                "stream" or "peer's stream" => ofStream,
                _ => ofStream.Concat(ofConnection).ToList(),
            })
            {
                await ExpectAsync(
                    [TransportError.Disposed, TransportError.StreamAborted, TransportError.ConnectionAborted], () => call);
            }

            if (what is "stream" or "peer's stream" or "listener")
            {
                Assert.False(pair.Client.Closed.IsCompleted);
                Assert.False(pair.Server.Closed.IsCompleted);
            }

            await pair.Client.DisposeAsync();
            await pair.Server.DisposeAsync();
            await listener.DisposeAsync();
        }
    }

    private Process StartPeer(out IPEndPoint target)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "RpcNet.Transports.Peer.dll");
        var process = Process.Start(new ProcessStartInfo("dotnet", [program, ProcessEngine!, Alpn.ToString()])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        var port = process.StandardOutput.ReadLine();
        Assert.True(port is not null, "the peer process did not start");
        target = new IPEndPoint(IPAddress.Loopback, int.Parse(port!, CultureInfo.InvariantCulture));
        return process;
    }
}
