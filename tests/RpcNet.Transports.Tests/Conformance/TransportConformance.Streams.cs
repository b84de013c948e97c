namespace RpcNet.Transports.Tests.Conformance;

public abstract partial class TransportConformance
{
    [Theory]
    [InlineData(TransportStreamDirection.Bidirectional, true)]
    [InlineData(TransportStreamDirection.Bidirectional, false)]
    [InlineData(TransportStreamDirection.Unidirectional, true)]
    [InlineData(TransportStreamDirection.Unidirectional, false)]
    public async Task Stream_OpenedByEitherSide_CarriesBytesAndSaysWhatItCanDo(
        TransportStreamDirection direction, bool openedByClient)
    {
        var pair = await ConnectPairAsync();
        var (opener, acceptor) = openedByClient ? (pair.Client, pair.Server) : (pair.Server, pair.Client);

        var (local, remote) = await OpenPairAsync(opener, acceptor, direction);

        var bidirectional = direction == TransportStreamDirection.Bidirectional;
        Assert.Equal((bidirectional, true), (local.CanRead, local.CanWrite));
        Assert.Equal((true, bidirectional), (remote.CanRead, remote.CanWrite));
        Assert.Equal(local.Id, remote.Id);
        Assert.Equal((openedByClient ? 0 : 1) + (bidirectional ? 0 : 2), local.Id & 3); // RFC 9000 section 2.1
        Assert.True(bidirectional || remote.WritesClosed.IsCompletedSuccessfully);

        await local.WriteAsync(RandomBytes(1000), endStream: true, Limit);
        Assert.Equal(RandomBytes(1000), await ReadToEndAsync(remote));
        if (bidirectional)
        {
            await remote.WriteAsync(RandomBytes(2000), endStream: true, Limit);
            Assert.Equal(RandomBytes(2000), await ReadToEndAsync(local));
        }
    }

    [Fact]
    public async Task Stream_WrongWay_IsRefused()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server, TransportStreamDirection.Unidirectional);

        await Assert.ThrowsAsync<InvalidOperationException>(() => local.ReadAsync(new byte[1], Limit).AsTask());
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => remote.WriteAsync(new byte[1], endStream: false, Limit).AsTask());

        await local.WriteAsync(RandomBytes(3), endStream: true, Limit);
        Assert.Equal(RandomBytes(3), await ReadToEndAsync(remote));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(64 * 1024)]
    [InlineData(8 * 1024 * 1024)]
    public async Task Stream_Echo_BothWaysAtOnce(int size)
    {
        var pair = await ConnectPairAsync();
        var sent = RandomBytes(size);

        await Task.WhenAll(
            EchoAsync(pair.Client, pair.Server),
            EchoAsync(pair.Server, pair.Client));

        async Task EchoAsync(ITransportConnection opener, ITransportConnection acceptor)
        {
            await using var local = await opener.OpenStreamAsync(TransportStreamDirection.Bidirectional, Limit);
            var writing = WriteAllAsync(local, sent);
            await using var remote = await acceptor.AcceptStreamAsync(Limit);
            var echoing = EchoToEndAsync(remote);
            Assert.Equal(sent, await ReadToEndAsync(local));
            await writing;
            await echoing;
        }
    }

    [Fact]
    public async Task Stream_Bulk_BothSidesWriteAtOnceOnOneStream()
    {
        const int Size = 8 * 1024 * 1024;
        var pair = await ConnectPairAsync();
        await using var local = await pair.Client.OpenStreamAsync(TransportStreamDirection.Bidirectional, Limit);
        var down = RandomBytes(Size, seed: 2);
        var up = RandomBytes(Size, seed: 3);

        var writingUp = WriteAllAsync(local, up);
        await using var remote = await pair.Server.AcceptStreamAsync(Limit);
        var writingDown = WriteAllAsync(remote, down);
        var readingUp = ReadToEndAsync(remote);
        var readingDown = ReadToEndAsync(local);

        await Task.WhenAll(writingUp, writingDown);
        Assert.Equal(up, await readingUp);
        Assert.Equal(down, await readingDown);
    }

    [Fact]
    public async Task Stream_BuffersAreTheCallersAgainAfterAWrite()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        var buffer = new byte[512];

        for (var i = 0; i < 200; i++)
        {
            buffer.AsSpan().Fill((byte)i);
            await local.WriteAsync(buffer, endStream: false, Limit);
            buffer.AsSpan().Fill(0xFF);
        }

        for (var i = 0; i < 200; i++)
        {
            var got = await ReadExactlyAsync(remote, 512);
            Assert.True(got.AsSpan().IndexOfAnyExcept((byte)i) < 0, $"block {i} holds something else");
        }
    }

    [Fact]
    public async Task Stream_SmallReads_SeeEveryByteInOrder()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        var sent = RandomBytes(5000);
        await local.WriteAsync(sent, endStream: true, Limit);

        var got = new List<byte>();
        var buffer = new byte[7];
        while (await remote.ReadAsync(buffer, Limit) is var read and > 0)
        {
            got.AddRange(buffer.AsSpan(0, read));
        }

        Assert.Equal(sent, got);
        Assert.Equal(0, await remote.ReadAsync(buffer, Limit));
    }

    [Fact]
    public async Task Stream_FinAlone_OpensTheStreamAtThePeer()
    {
        var pair = await ConnectPairAsync();
        await using var local = await pair.Client.OpenStreamAsync(TransportStreamDirection.Bidirectional, Limit);
        await local.WriteAsync(default, endStream: true, Limit);

        await using var remote = await pair.Server.AcceptStreamAsync(Limit);

        Assert.Equal(0, await remote.ReadAsync(new byte[10], Limit));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Stream_HalfClosed_TheOtherDirectionGoesOn(bool openerFinishesFirst)
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        var (first, second) = openerFinishesFirst ? (local, remote) : (remote, local);

        await first.WriteAsync("done"u8.ToArray(), endStream: true, Limit);
        Assert.Equal("done"u8.ToArray(), await ReadToEndAsync(second));
        await first.WritesClosed.WaitAsync(Limit);

        for (var i = 0; i < 10; i++)
        {
            await second.WriteAsync(RandomBytes(1000, i), endStream: false, Limit);
            Assert.Equal(RandomBytes(1000, i), await ReadExactlyAsync(first, 1000));
        }

        await second.WriteAsync(default, endStream: true, Limit);
        Assert.Empty(await ReadToEndAsync(first));
        await second.WritesClosed.WaitAsync(Limit);
    }

    [Fact]
    public async Task Stream_EmptyWriteWithoutFin_SendsNothing()
    {
        var pair = await ConnectPairAsync();
        await using var silent = await pair.Client.OpenStreamAsync(TransportStreamDirection.Bidirectional, Limit);
        await silent.WriteAsync(default, endStream: false, Limit);
        var accepting = pair.Server.AcceptStreamAsync(Limit).AsTask();

        await silent.WriteAsync("x"u8.ToArray(), endStream: false, Limit);
        await using var remote = await accepting.WaitAsync(Limit);
        await silent.WriteAsync(default, endStream: false, Limit);
        await silent.WriteAsync("y"u8.ToArray(), endStream: false, Limit);
        await silent.WriteAsync(default, endStream: false, Limit);
        await silent.WriteAsync(default, endStream: true, Limit);

        Assert.Equal("xy"u8.ToArray(), await ReadToEndAsync(remote));
    }

    [Fact]
    public async Task Stream_EmptyReadBuffer_WaitsForNothingAndLosesNothing()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);

        Assert.Equal(0, await remote.ReadAsync(Memory<byte>.Empty, Limit));
        await local.WriteAsync("abc"u8.ToArray(), endStream: true, Limit);
        Assert.Equal("abc"u8.ToArray(), await ReadToEndAsync(remote));
    }

    [Fact]
    public async Task Stream_WriteAfterFin_Disposed()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        await local.WriteAsync("end"u8.ToArray(), endStream: true, Limit);

        await ExpectAsync(
            TransportError.Disposed, () => local.WriteAsync(new byte[1], endStream: false, Limit).AsTask());

        Assert.Equal("end"u8.ToArray(), await ReadToEndAsync(remote));
    }

    [Fact]
    public async Task Stream_WritesClosed_CompletesWithTheAcknowledgedFin()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server, TransportStreamDirection.Unidirectional);
        Assert.False(local.WritesClosed.IsCompleted);

        await local.WriteAsync(RandomBytes(10_000), endStream: true, Limit);

        Assert.Equal(10_000, (await ReadToEndAsync(remote)).Length);
        await local.WritesClosed.WaitAsync(Limit);
    }

    private async Task EchoToEndAsync(ITransportStream stream)
    {
        var buffer = new byte[64 * 1024];
        while (await stream.ReadAsync(buffer, Limit) is var read and > 0)
        {
            await stream.WriteAsync(buffer.AsMemory(0, read), endStream: false, Limit);
        }

        await stream.WriteAsync(default, endStream: true, Limit);
    }
}
