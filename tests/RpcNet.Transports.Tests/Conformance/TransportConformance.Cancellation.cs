namespace RpcNet.Transports.Tests.Conformance;

public abstract partial class TransportConformance
{
    [Fact]
    public async Task Cancel_Listen_PortIsNotTaken()
    {
        var bind = FreeEndPoint();
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        var e = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Server.ListenAsync(new Settings { Bind = bind }.ForListener(), cancelled.Token).AsTask());

        Assert.Equal(cancelled.Token, e.CancellationToken);
        await ListenAsync(new Settings { Bind = bind });
    }

    [Fact]
    public async Task Cancel_Accept_NoConnectionIsLost()
    {
        var listener = await ListenAsync();
        await ExpectCancelledAsync(token => listener.AcceptAsync(token).AsTask());

        for (var i = 0; i < 20; i++)
        {
            using var cancel = new CancellationTokenSource();
            var accepting = listener.AcceptAsync(cancel.Token).AsTask();
            var connecting = ConnectAsync(listener.LocalEndPoint);
            await Task.WhenAny(accepting, Task.Delay(i % 5, Limit));
            await cancel.CancelAsync();
            ITransportConnection accepted;
            try
            {
                accepted = await accepting.WaitAsync(Limit);
            }
            catch (OperationCanceledException e) when (e.CancellationToken == cancel.Token)
            {
                accepted = await listener.AcceptAsync(Limit);
            }

            var client = await connecting;
            Assert.Equal(client.LocalEndPoint, accepted.RemoteEndPoint);
            await EchoOnceAsync(new Pair(listener, client, Own(accepted)));
        }
    }

    [Fact]
    public async Task Cancel_Connect_LeavesNothingBehind()
    {
        var listener = await ListenAsync();
        var path = Own(CreatePath(listener.LocalEndPoint));
        path.Cut();

        await ExpectCancelledAsync(token => Client.ConnectAsync(new Settings().ForConnect(path.EndPoint), token).AsTask());

        path.Restore();
        var pair = await ConnectPairAsync(listener, listener.LocalEndPoint);
        Assert.Equal(pair.Client.LocalEndPoint, pair.Server.RemoteEndPoint);
    }

    [Fact]
    public async Task Cancel_OpenStream_NoCreditIsLost()
    {
        var pair = await ConnectPairAsync(new Settings { MaxBidirectional = 1 });
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);

        await ExpectCancelledAsync(
            token => pair.Client.OpenStreamAsync(TransportStreamDirection.Bidirectional, token).AsTask());

        await FinishAsync(local, remote);
        await EchoOnceAsync(pair);
    }

    [Fact]
    public async Task Cancel_AcceptStream_NoStreamIsLost()
    {
        var pair = await ConnectPairAsync();
        await ExpectCancelledAsync(token => pair.Server.AcceptStreamAsync(token).AsTask());

        for (var i = 0; i < 50; i++)
        {
            using var cancel = new CancellationTokenSource();
            var accepting = pair.Server.AcceptStreamAsync(cancel.Token).AsTask();
            await using var local = await pair.Client.OpenStreamAsync(TransportStreamDirection.Bidirectional, Limit);
            await local.WriteAsync(new[] { (byte)i }, endStream: true, Limit);
            await cancel.CancelAsync();
            ITransportStream accepted;
            try
            {
                accepted = await accepting.WaitAsync(Limit);
            }
            catch (OperationCanceledException e) when (e.CancellationToken == cancel.Token)
            {
                accepted = await pair.Server.AcceptStreamAsync(Limit);
            }

            await using (accepted)
            {
                Assert.Equal([(byte)i], await ReadToEndAsync(accepted));
            }
        }
    }

    [Fact]
    public async Task Cancel_Read_StreamStaysReadable()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);

        await ExpectCancelledAsync(token => remote.ReadAsync(new byte[10], token).AsTask());
        await ExpectCancelledAsync(token => remote.ReadAsync(new byte[10], token).AsTask());

        await local.WriteAsync(RandomBytes(1000), endStream: true, Limit);
        Assert.Equal(RandomBytes(1000), await ReadToEndAsync(remote));
        await local.WritesClosed.WaitAsync(Limit);
    }

    [Fact]
    public async Task Cancel_ReadsAtRandom_NoByteIsLost()
    {
        const int Size = 1024 * 1024;
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        var sent = RandomBytes(Size);
        var writing = Task.Run(() => WriteAllAsync(local, sent, chunk: 1500), Limit);

        var random = new Random(7);
        var received = new byte[Size + 1];
        var got = 0;
        var cancelled = 0;
        while (true)
        {
            using var cancel = new CancellationTokenSource();
            var reading = remote.ReadAsync(received.AsMemory(got, Math.Min(4096, received.Length - got)), cancel.Token).AsTask();
            if (random.Next(3) == 0)
            {
                await cancel.CancelAsync();
            }

            try
            {
                if (await reading.WaitAsync(Limit) is var read and > 0)
                {
                    got += read;
                    continue;
                }

                break;
            }
            catch (OperationCanceledException e) when (e.CancellationToken == cancel.Token)
            {
                cancelled++;
            }
        }

        await writing;
        Assert.Equal(sent, received[..got]);
        TestContext.Current.SendDiagnosticMessage($"{cancelled} reads were cancelled");
    }

    [Fact]
    public async Task Cancel_Write_WriteSideIsResetWithTheDefaultCode()
    {
        var pair = await ConnectPairAsync(new Settings { StreamWindow = 64 * 1024 });
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        using var cancel = new CancellationTokenSource();
        var writing = local.WriteAsync(new byte[32 * 1024 * 1024], endStream: false, cancel.Token).AsTask();
        await Task.Delay(20, Limit);
        Assert.False(writing.IsCompleted);

        await cancel.CancelAsync();

        var e = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => writing.WaitAsync(Limit));
        Assert.Equal(cancel.Token, e.CancellationToken);
        var reset = await ExpectAsync(TransportError.StreamAborted, () => ReadToEndAsync(remote));
        Assert.Equal(0x77, reset.ApplicationErrorCode);
        await ExpectAsync(TransportError.Disposed, () => local.WriteAsync(new byte[1], endStream: false, Limit).AsTask());
        await EchoOnceAsync(pair);
    }

    [Fact]
    public async Task Cancel_WriteBeforeItStarts_NothingIsWritten()
    {
        var pair = await ConnectPairAsync();
        var (local, remote) = await OpenPairAsync(pair.Client, pair.Server);
        using var cancel = new CancellationTokenSource();
        await cancel.CancelAsync();

        var e = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => local.WriteAsync(new byte[10], endStream: false, cancel.Token).AsTask());

        Assert.Equal(cancel.Token, e.CancellationToken);
        await local.WriteAsync("kept"u8.ToArray(), endStream: true, Limit);
        Assert.Equal("kept"u8.ToArray(), await ReadToEndAsync(remote));
    }
}
