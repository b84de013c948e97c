using System.Diagnostics;

namespace RpcNet.Transports.Tests.Conformance;

public abstract partial class TransportConformance
{
    [Theory]
    [InlineData(0, true)]
    [InlineData(0x4321, true)]
    [InlineData(LargestErrorCode, false)]
    public async Task Close_EverythingAtThePeerEndsWithTheCode(long code, bool closedByClient)
    {
        var pair = await ConnectPairAsync(new Settings { StreamWindow = 64 * 1024, MaxUnidirectional = 0 });
        var (closer, peer) = closedByClient ? (pair.Client, pair.Server) : (pair.Server, pair.Client);
        var (_, remote) = await OpenPairAsync(closer, peer);
        var accepting = peer.AcceptStreamAsync(Limit).AsTask();
        var opening = peer.OpenStreamAsync(TransportStreamDirection.Unidirectional, Limit).AsTask();
        var reading = remote.ReadAsync(new byte[10], Limit).AsTask();
        var writing = remote.WriteAsync(new byte[32 * 1024 * 1024], endStream: false, Limit).AsTask();

        await closer.CloseAsync(code, Limit);

        var closed = await peer.Closed.WaitAsync(Limit);
        Assert.Equal((TransportError.ConnectionAborted, code), (closed.Error, closed.ApplicationErrorCode));
        await ExpectCodeAsync(() => accepting);
        await ExpectCodeAsync(() => opening);
        await ExpectCodeAsync(() => reading);
        await ExpectCodeAsync(() => writing);
        await ExpectCodeAsync(() => remote.WritesClosed);

        await ExpectCodeAsync(() => peer.AcceptStreamAsync(Limit).AsTask());
        await ExpectCodeAsync(() => peer.OpenStreamAsync(TransportStreamDirection.Bidirectional, Limit).AsTask());
        await ExpectCodeAsync(() => remote.ReadAsync(new byte[10], Limit).AsTask());
        await ExpectCodeAsync(() => remote.WriteAsync(new byte[1], endStream: false, Limit).AsTask());

        async Task ExpectCodeAsync(Func<Task> call)
        {
            var e = await ExpectAsync(TransportError.ConnectionAborted, call);
            Assert.Equal(code, e.ApplicationErrorCode);
        }
    }

    [Fact]
    public async Task Close_EverythingAtThisSideEndsWithDisposed()
    {
        var pair = await ConnectPairAsync(new Settings { StreamWindow = 64 * 1024, MaxUnidirectional = 0 });
        var (local, _) = await OpenPairAsync(pair.Client, pair.Server);
        var accepting = pair.Client.AcceptStreamAsync(Limit).AsTask();
        var opening = pair.Client.OpenStreamAsync(TransportStreamDirection.Unidirectional, Limit).AsTask();
        var reading = local.ReadAsync(new byte[10], Limit).AsTask();
        var writing = local.WriteAsync(new byte[32 * 1024 * 1024], endStream: false, Limit).AsTask();

        await pair.Client.CloseAsync(3, Limit);

        Assert.Equal(TransportError.Disposed, (await pair.Client.Closed.WaitAsync(Limit)).Error);
        foreach (var call in new Task[] { accepting, opening, reading, writing, local.WritesClosed })
        {
            await ExpectAsync(TransportError.Disposed, () => call);
        }

        await ExpectAsync(TransportError.Disposed, () => pair.Client.AcceptStreamAsync(Limit).AsTask());
        await ExpectAsync(
            TransportError.Disposed,
            () => pair.Client.OpenStreamAsync(TransportStreamDirection.Bidirectional, Limit).AsTask());
    }

    [Fact]
    public async Task Close_Twice_FirstCodeCounts()
    {
        var pair = await ConnectPairAsync();

        await pair.Client.CloseAsync(1, Limit);
        await pair.Client.CloseAsync(2, Limit);
        await pair.Client.DisposeAsync();

        Assert.Equal(1, (await pair.Server.Closed.WaitAsync(Limit)).ApplicationErrorCode);
    }

    [Fact]
    public async Task Close_ByBothSidesAtOnce_BothEnd()
    {
        var listener = await ListenAsync();
        for (var i = 0; i < 20; i++)
        {
            var pair = await ConnectPairAsync(listener, listener.LocalEndPoint);

            await Task.WhenAll(
                Task.Run(async () => await pair.Client.CloseAsync(1, Limit), Limit),
                Task.Run(async () => await pair.Server.CloseAsync(2, Limit), Limit));

            foreach (var (connection, peersCode) in new[] { (pair.Client, 2), (pair.Server, 1) })
            {
                var closed = await connection.Closed.WaitAsync(Limit);
                Assert.True(
                    closed.Error == TransportError.Disposed
                        || (closed.Error, closed.ApplicationErrorCode) == (TransportError.ConnectionAborted, peersCode),
                    closed.ToString());
            }
        }
    }

    [Fact]
    public async Task Close_BySeveralCallersAtOnce_IsOneClose()
    {
        var pair = await ConnectPairAsync();

        await Task.WhenAll(Enumerable.Range(1, 8).Select(
            code => Task.Run(async () => await pair.Client.CloseAsync(code, Limit), Limit)));

        var closed = await pair.Server.Closed.WaitAsync(Limit);
        Assert.Equal(TransportError.ConnectionAborted, closed.Error);
        Assert.InRange(closed.ApplicationErrorCode ?? 0, 1, 8);
    }

    [Fact]
    public async Task Dispose_WithoutClose_PeerSeesTheDefaultCode()
    {
        var pair = await ConnectPairAsync();

        await pair.Client.DisposeAsync();
        await pair.Client.DisposeAsync();

        var closed = await pair.Server.Closed.WaitAsync(Limit);
        Assert.Equal((TransportError.ConnectionAborted, 0x99L), (closed.Error, closed.ApplicationErrorCode));
        Assert.Equal(TransportError.Disposed, (await pair.Client.Closed.WaitAsync(Limit)).Error);
    }

    [Fact]
    public async Task Close_DataReadBeforeIsKept()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        await local.WriteAsync(RandomBytes(1000), endStream: false, Limit);
        var got = await ReadExactlyAsync(remote, 1000);

        await pair.Client.CloseAsync(1, Limit);

        await ExpectAsync(TransportError.ConnectionAborted, () => remote.ReadAsync(new byte[1], Limit).AsTask());
        Assert.Equal(RandomBytes(1000), got);
    }

    [Fact]
    public async Task Closed_WhileTheConnectionLives_IsPending()
    {
        var pair = await ConnectPairAsync();
        await EchoOnceAsync(pair);

        Assert.False(pair.Client.Closed.IsCompleted);
        Assert.False(pair.Server.Closed.IsCompleted);
    }

    [Fact]
    public async Task Idle_PeerVanishes_BothSidesReportItInTime()
    {
        var idle = TimeSpan.FromSeconds(2);
        var settings = new Settings { IdleTimeout = idle, KeepAlive = TimeSpan.FromMilliseconds(500) };
        var listener = await ListenAsync(settings);
        var path = Own(CreatePath(listener.LocalEndPoint));
        var pair = await ConnectPairAsync(listener, path.EndPoint, settings);
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        var reading = local.ReadAsync(new byte[1], Limit).AsTask();
        var accepting = pair.Client.AcceptStreamAsync(Limit).AsTask();

        var since = Stopwatch.GetTimestamp();
        path.Cut();
        var client = await pair.Client.Closed.WaitAsync(Limit);
        var server = await pair.Server.Closed.WaitAsync(Limit);
        var took = Stopwatch.GetElapsedTime(since);

        Assert.Equal((TransportError.ConnectionIdle, TransportError.ConnectionIdle), (client.Error, server.Error));
        Assert.InRange(took, idle / 2, idle + TimeSpan.FromSeconds(5));
        await ExpectAsync(TransportError.ConnectionIdle, () => reading);
        await ExpectAsync(TransportError.ConnectionIdle, () => accepting);
        await ExpectAsync(TransportError.ConnectionIdle, () => remote.ReadAsync(new byte[1], Limit).AsTask());
        await ExpectAsync(
            TransportError.ConnectionIdle,
            () => pair.Client.OpenStreamAsync(TransportStreamDirection.Bidirectional, Limit).AsTask());
    }

    [Fact]
    public async Task Idle_SmallerOfBothTimeoutsCounts()
    {
        var settings = new Settings
        {
            IdleTimeout = TimeSpan.FromSeconds(30),
            ClientIdleTimeout = TimeSpan.FromSeconds(1.5),
            KeepAlive = TimeSpan.FromMilliseconds(500),
        };
        var listener = await ListenAsync(settings);
        var path = Own(CreatePath(listener.LocalEndPoint));
        var pair = await ConnectPairAsync(listener, path.EndPoint, settings);

        path.Cut();

        Assert.Equal(TransportError.ConnectionIdle, (await pair.Server.Closed.WaitAsync(TimeSpan.FromSeconds(15))).Error);
        Assert.Equal(TransportError.ConnectionIdle, (await pair.Client.Closed.WaitAsync(Limit)).Error);
    }

    [Fact]
    public async Task Idle_NoKeepAlive_SilentConnectionEnds()
    {
        var pair = await ConnectPairAsync(new Settings
        {
            IdleTimeout = TimeSpan.FromSeconds(1),
            KeepAlive = Timeout.InfiniteTimeSpan,
        });

        Assert.Equal(TransportError.ConnectionIdle, (await pair.Client.Closed.WaitAsync(Limit)).Error);
        Assert.Equal(TransportError.ConnectionIdle, (await pair.Server.Closed.WaitAsync(Limit)).Error);
    }

    [Fact]
    public async Task Idle_WithKeepAlive_SilentConnectionLives()
    {
        var idle = TimeSpan.FromSeconds(1);
        var pair = await ConnectPairAsync(new Settings { IdleTimeout = idle, KeepAlive = TimeSpan.FromMilliseconds(250) });

        await Task.Delay(idle * 3, Limit);

        Assert.False(pair.Client.Closed.IsCompleted);
        Assert.False(pair.Server.Closed.IsCompleted);
        await EchoOnceAsync(pair);
    }

    [Fact]
    public async Task Idle_ShortInterruption_NothingIsLost()
    {
        var settings = new Settings { IdleTimeout = TimeSpan.FromSeconds(10), KeepAlive = TimeSpan.FromMilliseconds(500) };
        var listener = await ListenAsync(settings);
        var path = Own(CreatePath(listener.LocalEndPoint));
        var pair = await ConnectPairAsync(listener, path.EndPoint, settings);
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);

        path.Cut();
        await local.WriteAsync(RandomBytes(5000), endStream: true, Limit);
        var reading = ReadToEndAsync(remote);
        await Task.Delay(300, Limit);
        Assert.False(reading.IsCompleted);
        path.Restore();

        Assert.Equal(RandomBytes(5000), await reading);
    }
}
