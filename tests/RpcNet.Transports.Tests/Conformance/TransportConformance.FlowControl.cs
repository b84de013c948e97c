namespace RpcNet.Transports.Tests.Conformance;

public abstract partial class TransportConformance
{
    [Theory]
    [InlineData(64 * 1024, 1024 * 1024)]
    [InlineData(1024 * 1024, 16 * 1024 * 1024)]
    public async Task FlowControl_ReaderStalls_WriterBlocksAndResumes(int streamWindow, int connectionWindow)
    {
        const int Total = 64 * 1024 * 1024;
        const int Chunk = 32 * 1024;
        var pair = await ConnectPairAsync(new Settings { StreamWindow = streamWindow, ConnectionWindow = connectionWindow });
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        var taken = 0L;

        var writing = WriteAsync();
        var stalledAt = await WaitForStandstillAsync(() => Interlocked.Read(ref taken));
        Assert.InRange(stalledAt, Chunk, Total / 4);
        Assert.False(writing.IsCompleted);

        var buffer = new byte[256 * 1024];
        var received = 0L;
        while (await remote.ReadAsync(buffer, Limit) is var read and > 0)
        {
            received += read;
        }

        Assert.Equal(Total, received);
        await writing;

        async Task WriteAsync()
        {
            var chunk = new byte[Chunk];
            while (taken < Total)
            {
                await local.WriteAsync(chunk, endStream: taken + Chunk == Total, Limit);
                Interlocked.Add(ref taken, Chunk);
            }
        }
    }

    [Fact]
    public async Task FlowControl_OneStreamStalls_TheOthersFlow()
    {
        var pair = await ConnectPairAsync(new Settings { StreamWindow = 64 * 1024 });
        var (stalled, unread) = await OpenPairAsync(pair.Client, pair.Server);
        var taken = 0L;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Limit);
        var writing = FillAsync();
        await WaitForStandstillAsync(() => Interlocked.Read(ref taken));

        for (var i = 0; i < 20; i++)
        {
            await EchoOnceAsync(pair);
        }

        var bulk = RandomBytes(4 * 1024 * 1024);
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server, TransportStreamDirection.Unidirectional);
        var sending = WriteAllAsync(local, bulk);
        Assert.Equal(bulk, await ReadToEndAsync(remote));
        await sending;

        Assert.False(writing.IsCompleted);
        Assert.True(unread.CanRead);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writing);

        async Task FillAsync()
        {
            var chunk = new byte[16 * 1024];
            while (true)
            {
                await stalled.WriteAsync(chunk, endStream: false, stop.Token);
                Interlocked.Add(ref taken, chunk.Length);
            }
        }
    }

    [Fact]
    public async Task FlowControl_WriteLargerThanTheWindow_GoesThrough()
    {
        var pair = await ConnectPairAsync(new Settings { StreamWindow = 64 * 1024 });
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        var bytes = RandomBytes(3 * 1024 * 1024);

        var writing = local.WriteAsync(bytes, endStream: true, Limit).AsTask();

        Assert.Equal(bytes, await ReadToEndAsync(remote));
        await writing.WaitAsync(Limit);
    }

    [Theory]
    [InlineData(TransportStreamDirection.Bidirectional)]
    [InlineData(TransportStreamDirection.Unidirectional)]
    public async Task StreamLimit_Reached_OpenWaitsUntilAStreamEnds(TransportStreamDirection direction)
    {
        const int Max = 4;
        var pair = await ConnectPairAsync(new Settings { MaxBidirectional = Max, MaxUnidirectional = Max });
        var open = new List<(ITransportStream Local, ITransportStream Remote)>();
        for (var i = 0; i < Max; i++)
        {
            open.Add(await OpenPairAsync(pair.Client, pair.Server, direction));
        }

        var waiting = pair.Client.OpenStreamAsync(direction, Limit).AsTask();
        var other = direction == TransportStreamDirection.Bidirectional
            ? TransportStreamDirection.Unidirectional
            : TransportStreamDirection.Bidirectional;
        await OpenPairAsync(pair.Client, pair.Server, other);
        Assert.False(waiting.IsCompleted);

        foreach (var (local, remote) in open)
        {
            await FinishAsync(local, remote);
        }

        var opened = await waiting.WaitAsync(Limit);
        await opened.WriteAsync("late"u8.ToArray(), endStream: true, Limit);
        await using var accepted = await pair.Server.AcceptStreamAsync(Limit);
        Assert.Equal("late"u8.ToArray(), await ReadToEndAsync(accepted));
    }

    [Fact]
    public async Task StreamLimit_Churn_FarMoreStreamsThanTheLimit()
    {
        const int Count = 100;
        var pair = await ConnectPairAsync(new Settings { MaxBidirectional = 3 });

        var serving = ServeAsync();
        await Task.WhenAll(Enumerable.Range(0, Count).Select(async i =>
        {
            await using var stream = await pair.Client.OpenStreamAsync(TransportStreamDirection.Bidirectional, Limit);
            await stream.WriteAsync(RandomBytes(100, i), endStream: true, Limit);
            Assert.Equal(RandomBytes(100, i), await ReadToEndAsync(stream));
        }));
        await serving;

        async Task ServeAsync()
        {
            for (var i = 0; i < Count; i++)
            {
                await using var stream = await pair.Server.AcceptStreamAsync(Limit);
                await EchoToEndAsync(stream);
            }
        }
    }

    [Fact]
    public async Task StreamLimit_Zero_OpenWaitsUntilTheConnectionEnds()
    {
        var pair = await ConnectPairAsync(new Settings { MaxUnidirectional = 0 });
        var waiting = pair.Client.OpenStreamAsync(TransportStreamDirection.Unidirectional, Limit).AsTask();
        await EchoOnceAsync(pair);
        Assert.False(waiting.IsCompleted);

        await pair.Server.CloseAsync(5, Limit);

        var e = await ExpectAsync(TransportError.ConnectionAborted, () => waiting);
        Assert.Equal(5, e.ApplicationErrorCode);
    }

    private async Task FinishAsync(ITransportStream local, ITransportStream remote)
    {
        await local.WriteAsync(default, endStream: true, Limit);
        await ReadToEndAsync(remote);
        if (remote.CanWrite)
        {
            await remote.WriteAsync(default, endStream: true, Limit);
            await ReadToEndAsync(local);
        }

        await local.DisposeAsync();
        await remote.DisposeAsync();
    }
}
