namespace RpcNet.Transports.Tests.Conformance;

public abstract partial class TransportConformance
{
    private const long LargestErrorCode = (1L << 62) - 1;

    [Theory]
    [InlineData(0)]
    [InlineData(0x1234)]
    [InlineData(LargestErrorCode)]
    public async Task AbortWrite_PeersReadFailsWithTheCode(long code)
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        var reading = remote.ReadAsync(new byte[10], Limit).AsTask();

        local.AbortWrite(code);

        var pending = await ExpectAsync(TransportError.StreamAborted, () => reading);
        Assert.Equal(code, pending.ApplicationErrorCode);
        var later = await ExpectAsync(TransportError.StreamAborted, () => remote.ReadAsync(new byte[10], Limit).AsTask());
        Assert.Equal(code, later.ApplicationErrorCode);
        await ExpectAsync(TransportError.Disposed, () => local.WriteAsync(new byte[1], endStream: false, Limit).AsTask());
        await ExpectAsync(TransportError.Disposed, () => local.WritesClosed);
    }

    [Fact]
    public async Task AbortWrite_OtherDirectionGoesOn()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);

        local.AbortWrite(1);
        await remote.WriteAsync(RandomBytes(1000), endStream: true, Limit);

        Assert.Equal(RandomBytes(1000), await ReadToEndAsync(local));
    }

    [Fact]
    public async Task AbortWrite_OnAFreshStream_ReachesThePeer()
    {
        var pair = await ConnectPairAsync();
        var local = await pair.Client.OpenStreamAsync(TransportStreamDirection.Unidirectional, Limit);

        local.AbortWrite(9);
        await using var remote = await pair.Server.AcceptStreamAsync(Limit);

        var e = await ExpectAsync(TransportError.StreamAborted, () => remote.ReadAsync(new byte[10], Limit).AsTask());
        Assert.Equal(9, e.ApplicationErrorCode);
    }

    [Fact]
    public async Task AbortWrite_EndsThisSidesPendingWrite()
    {
        var pair = await ConnectPairAsync(new Settings { StreamWindow = 64 * 1024 });
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        var writing = WriteUntilItFailsAsync(local);

        local.AbortWrite(2);

        await ExpectAsync(TransportError.Disposed, () => writing);
        await ExpectAsync(TransportError.StreamAborted, () => ReadToEndAsync(remote));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0x1234)]
    [InlineData(LargestErrorCode)]
    public async Task AbortRead_PeersWritesFailWithTheCode(long code)
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        var reading = remote.ReadAsync(new byte[10], Limit).AsTask();

        remote.AbortRead(code);

        await ExpectAsync(TransportError.Disposed, () => reading);
        await ExpectAsync(TransportError.Disposed, () => remote.ReadAsync(new byte[10], Limit).AsTask());
        var e = await ExpectAsync(TransportError.StreamAborted, () => WriteUntilItFailsAsync(local));
        Assert.Equal(code, e.ApplicationErrorCode);
        var closed = await ExpectAsync(TransportError.StreamAborted, () => local.WritesClosed);
        Assert.Equal(code, closed.ApplicationErrorCode);
    }

    [Fact]
    public async Task AbortRead_EndsThePeersBlockedWrite()
    {
        var pair = await ConnectPairAsync(new Settings { StreamWindow = 64 * 1024 });
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        var writing = local.WriteAsync(new byte[32 * 1024 * 1024], endStream: true, Limit).AsTask();

        remote.AbortRead(0x21);

        var e = await ExpectAsync(TransportError.StreamAborted, () => writing);
        Assert.Equal(0x21, e.ApplicationErrorCode);
        await EchoOnceAsync(pair);
    }

    [Fact]
    public async Task AbortRead_OtherDirectionGoesOn()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);

        remote.AbortRead(1);
        await remote.WriteAsync(RandomBytes(1000), endStream: true, Limit);

        Assert.Equal(RandomBytes(1000), await ReadToEndAsync(local));
    }

    [Fact]
    public async Task AbortRead_AfterFinWasRead_HasNoEffect()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        await local.WriteAsync("all"u8.ToArray(), endStream: true, Limit);
        Assert.Equal("all"u8.ToArray(), await ReadToEndAsync(remote));

        remote.AbortRead(1);

        await local.WritesClosed.WaitAsync(Limit);
        await EchoOnceAsync(pair);
    }

    [Fact]
    public async Task AbortWrite_AfterFinWasAcknowledged_HasNoEffect()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        await local.WriteAsync("all"u8.ToArray(), endStream: true, Limit);
        await local.WritesClosed.WaitAsync(Limit);

        local.AbortWrite(1);

        Assert.Equal("all"u8.ToArray(), await ReadToEndAsync(remote));
    }

    [Fact]
    public async Task Abort_Twice_FirstCodeCounts()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);

        local.AbortWrite(1);
        local.AbortWrite(2);

        var e = await ExpectAsync(TransportError.StreamAborted, () => ReadToEndAsync(remote));
        Assert.Equal(1, e.ApplicationErrorCode);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(LargestErrorCode + 1)]
    public async Task Abort_CodeOutOfRange_IsRefused(long code)
    {
        var pair = await ConnectPairAsync();
        var (local, _) = await OpenPairAsync(pair.Client, pair.Server);

        Assert.Throws<ArgumentOutOfRangeException>(() => local.AbortWrite(code));
        Assert.Throws<ArgumentOutOfRangeException>(() => local.AbortRead(code));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => pair.Client.CloseAsync(code, Limit).AsTask());
        await EchoOnceAsync(pair);
    }

    [Fact]
    public async Task Abort_ResetMeetsStopSending_BothSidesEndAndTheConnectionLives()
    {
        var pair = await ConnectPairAsync();
        for (var i = 0; i < 100; i++)
        {
            var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
            var writing = WriteUntilItFailsAsync(local);
            var reading = ReadToEndAsync(remote);

            await Task.WhenAll(
                Task.Run(() => local.AbortWrite(1), Limit),
                Task.Run(() => remote.AbortRead(2), Limit));

            await ExpectAsync([TransportError.Disposed, TransportError.StreamAborted], () => writing);
            await ExpectAsync([TransportError.Disposed, TransportError.StreamAborted], () => reading);
            await local.DisposeAsync();
            await remote.DisposeAsync();
        }

        await EchoOnceAsync(pair);
    }

    [Fact]
    public async Task Abort_ResetMeetsFin_PeerSeesOneOrTheOther()
    {
        var pair = await ConnectPairAsync();
        for (var i = 0; i < 50; i++)
        {
            var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
            var reading = ReadToEndAsync(remote);
            var finishing = local.WriteAsync("tail"u8.ToArray(), endStream: true, Limit).AsTask();
            local.AbortWrite(3);

            try
            {
                Assert.Equal("tail"u8.ToArray(), await reading);
            }
            catch (TransportException e) when (e is { Error: TransportError.StreamAborted, ApplicationErrorCode: 3 })
            {
            }

            try
            {
                await finishing.WaitAsync(Limit);
            }
            catch (TransportException e) when (e.Error == TransportError.Disposed)
            {
            }

            await local.DisposeAsync();
            await remote.DisposeAsync();
        }

        await EchoOnceAsync(pair);
    }

    [Fact]
    public async Task Dispose_Unfinished_ResetsAndStopsWithTheDefaultCode()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);

        await local.DisposeAsync();
        await local.DisposeAsync();

        var read = await ExpectAsync(TransportError.StreamAborted, () => ReadToEndAsync(remote));
        Assert.Equal(0x77, read.ApplicationErrorCode);
        var write = await ExpectAsync(TransportError.StreamAborted, () => WriteUntilItFailsAsync(remote));
        Assert.Equal(0x77, write.ApplicationErrorCode);
    }

    [Fact]
    public async Task Dispose_AfterFin_DataIsStillDelivered()
    {
        var pair = await ConnectPairAsync();
        var bytes = RandomBytes(300_000);
        var local = await pair.Client.OpenStreamAsync(TransportStreamDirection.Unidirectional, Limit);
        await WriteAllAsync(local, bytes);

        await local.DisposeAsync();

        await using var remote = await pair.Server.AcceptStreamAsync(Limit);
        Assert.Equal(bytes, await ReadToEndAsync(remote));
    }

    [Fact]
    public async Task Dispose_AfterFinOnBidirectional_WrittenIsDeliveredAndThePeerIsStopped()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        var bytes = RandomBytes(100_000);
        await local.WriteAsync(bytes, endStream: true, Limit);

        await local.DisposeAsync();

        Assert.Equal(bytes, await ReadToEndAsync(remote));
        var write = await ExpectAsync(TransportError.StreamAborted, () => WriteUntilItFailsAsync(remote));
        Assert.Equal(0x77, write.ApplicationErrorCode);
    }

    [Fact]
    public async Task Dispose_NeverUsed_CostsThePeerNothing()
    {
        var pair = await ConnectPairAsync(new Settings { MaxBidirectional = 2 });
        var serving = ServeFirstLiveStreamAsync();
        for (var i = 0; i < 10; i++)
        {
            var unused = await pair.Client.OpenStreamAsync(TransportStreamDirection.Bidirectional, Limit);
            await unused.DisposeAsync();
        }

        await using var local = await pair.Client.OpenStreamAsync(TransportStreamDirection.Bidirectional, Limit);
        await local.WriteAsync("live"u8.ToArray(), endStream: true, Limit);
        Assert.Equal("live"u8.ToArray(), await ReadToEndAsync(local));
        await serving;

        // An engine may show the peer an unused stream as a reset one.
        async Task ServeFirstLiveStreamAsync()
        {
            while (true)
            {
                await using var remote = await pair.Server.AcceptStreamAsync(Limit);
                try
                {
                    await EchoToEndAsync(remote);
                    return;
                }
                catch (TransportException e) when (e.Error == TransportError.StreamAborted)
                {
                }
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Dispose_WithPendingCalls_TheyEndWithDisposed(bool byConnection)
    {
        var pair = await ConnectPairAsync(new Settings { StreamWindow = 64 * 1024 });
        var (local, _) = await OpenPairAsync(pair.Client, pair.Server);
        var reading = local.ReadAsync(new byte[10], Limit).AsTask();
        var writing = local.WriteAsync(new byte[32 * 1024 * 1024], endStream: false, Limit).AsTask();

        await (byConnection ? pair.Client.DisposeAsync() : local.DisposeAsync());

        await ExpectAsync(TransportError.Disposed, () => reading);
        await ExpectAsync(TransportError.Disposed, () => writing);
        await ExpectAsync(TransportError.Disposed, () => local.WritesClosed);
        await ExpectAsync(TransportError.Disposed, () => local.ReadAsync(new byte[10], Limit).AsTask());
        await ExpectAsync(TransportError.Disposed, () => local.WriteAsync(new byte[1], endStream: true, Limit).AsTask());
        local.AbortRead(1);
        local.AbortWrite(1);
    }

    [Fact]
    public async Task Dispose_AfterPeersReset_IsQuiet()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        remote.AbortWrite(1);
        remote.AbortRead(1);
        await ExpectAsync(TransportError.StreamAborted, () => ReadToEndAsync(local));

        await local.DisposeAsync();
        await remote.DisposeAsync();

        await EchoOnceAsync(pair);
    }

    [Fact]
    public async Task Dispose_AfterTheConnectionIsGone_IsQuiet()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        await pair.Client.CloseAsync(1, Limit);
        await pair.Server.Closed.WaitAsync(Limit);

        await local.DisposeAsync();
        await remote.DisposeAsync();
        remote.AbortRead(1);
        remote.AbortWrite(1);
    }
}
