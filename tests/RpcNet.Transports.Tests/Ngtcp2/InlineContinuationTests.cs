namespace RpcNet.Transports.Tests.Ngtcp2;

public sealed class InlineContinuationTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PendingRead_BytesArrive_ResumesOnTheIoThreadOnlyWhereAllowed(bool allowed)
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        var (sending, receiving) = await OpenAsync(pair).WaitAsync(s_limit);
        if (allowed)
        {
            receiving.AllowInlineReads();
        }

        for (var i = 0; i < 10; i++)
        {
            var resumed = ResumesOnPoolAsync(receiving);
            await sending.WriteAsync(new byte[1], endStream: false);
            Assert.Equal(!allowed, await resumed.WaitAsync(s_limit));
        }
    }

    [Fact]
    public async Task PendingRead_EndArrives_ResumesOnThePool()
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        var (sending, receiving) = await OpenAsync(pair).WaitAsync(s_limit);
        receiving.AllowInlineReads();

        var resumed = ResumesOnPoolAsync(receiving);
        await sending.WriteAsync(default, endStream: true);

        Assert.True(await resumed.WaitAsync(s_limit));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PendingWrite_PeerReads_ResumesOnTheIoThreadOnlyWhereAllowed(bool allowed)
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);
        await using var sending = await client.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        if (allowed)
        {
            sending.AllowInlineWrites();
        }

        // More than either side buffers.
        var resumed = WritesOnPoolAsync(sending, new byte[8 << 20]);
        Assert.False(resumed.IsCompleted);
        await using var receiving = await server.AcceptStreamAsync();
        var buffer = new byte[64 << 10];
        for (long read = 0; read < 8 << 20;)
        {
            read += await receiving.ReadAsync(buffer).AsTask().WaitAsync(s_limit);
        }

        Assert.Equal(!allowed, await resumed.WaitAsync(s_limit));
    }

    // The pair ends both with their connections.
    private static async Task<(ITransportStream Sending, ITransportStream Receiving)> OpenAsync(Ngtcp2Pair pair)
    {
        var (client, server) = await pair.ConnectAsync();
        var sending = await client.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        await sending.WriteAsync(new byte[1], endStream: false);
        var receiving = await server.AcceptStreamAsync();
        await receiving.ReadAsync(new byte[1]);
        return (sending, receiving);
    }

    private static async Task<bool> WritesOnPoolAsync(ITransportStream stream, byte[] bytes)
    {
        await stream.WriteAsync(bytes, endStream: false).ConfigureAwait(false);
        return Thread.CurrentThread.IsThreadPoolThread;
    }

    // Asked before anything is sent, so that the read is pending when it arrives.
    private static async Task<bool> ResumesOnPoolAsync(ITransportStream stream)
    {
        await stream.ReadAsync(new byte[1]).ConfigureAwait(false);
        return Thread.CurrentThread.IsThreadPoolThread;
    }
}
