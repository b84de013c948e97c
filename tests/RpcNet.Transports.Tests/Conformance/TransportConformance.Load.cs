namespace RpcNet.Transports.Tests.Conformance;

public abstract partial class TransportConformance
{
    private static bool AllTests => Environment.GetEnvironmentVariable("RPCNET_TESTS") == "all";

    [Fact]
    public async Task Load_ThousandStreamsOneAfterAnother()
    {
        const int Count = 1000;
        var pair = await ConnectPairAsync();
        var serving = ServeEchoAsync(pair.Server, Count);

        for (var i = 0; i < Count; i++)
        {
            await EchoOverNewStreamAsync(pair.Client, i);
        }

        await serving;
    }

    [Fact]
    public async Task Load_TwoHundredStreamsAtOnce()
    {
        const int Count = 200;
        var pair = await ConnectPairAsync();
        var serving = ServeEchoAsync(pair.Server, Count);

        await Task.WhenAll(Enumerable.Range(0, Count).Select(i => EchoOverNewStreamAsync(pair.Client, i)));

        await serving;
    }

    [Fact]
    public async Task Load_ConnectionsComeAndGo_MemoryStaysFlat()
    {
        var count = AllTests ? 10_000 : 300;
        if (AllTests)
        {
            _limit.CancelAfter(TimeSpan.FromMinutes(10));
        }

        var listener = await ListenAsync();
        await ChurnAsync(count / 3);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await ChurnAsync(count - (count / 3));
        var allowed = 2_000_000 + (200L * count);
        var after = await SettledMemoryAsync(before + allowed);

        Assert.True(
            after - before < allowed,
            $"{count} connections left {(after - before) / 1024} KiB behind");

        async Task ChurnAsync(int connections)
        {
            for (var i = 0; i < connections; i++)
            {
                var accepting = listener.AcceptAsync(Limit).AsTask();
                var client = await Client.ConnectAsync(new Settings().ForConnect(listener.LocalEndPoint), Limit);
                var server = await accepting;
                await EchoOnceAsync(new Pair(listener, client, server));
                await client.CloseAsync(0, Limit);
                await server.Closed.WaitAsync(Limit);
                await client.DisposeAsync();
                await server.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task Load_FailedConnects_MemoryStaysFlatAndTheListenerGoesOn()
    {
        var count = AllTests ? 1000 : 60;
        if (AllTests)
        {
            _limit.CancelAfter(TimeSpan.FromMinutes(10));
        }

        var listener = await ListenAsync(new Settings { Backlog = 16 }); // failed handshakes must not fill it
        await FailAsync(count / 3);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await FailAsync(count - (count / 3));
        var allowed = 2_000_000 + (200L * count);
        var after = await SettledMemoryAsync(before + allowed);

        Assert.True(
            after - before < allowed,
            $"{count} failed connects left {(after - before) / 1024} KiB behind");
        await EchoOnceAsync(await ConnectPairAsync(listener, listener.LocalEndPoint));

        async Task FailAsync(int connects)
        {
            var refusing = new Settings { ValidateServer = _ => "no" };
            for (var i = 0; i < connects; i++)
            {
                await ExpectAsync(
                    TransportError.AuthenticationFailed, () => ConnectAsync(listener.LocalEndPoint, refusing));
            }
        }
    }

    // What waits out its final period, three probe time-outs and so seconds after a handshake that failed, is no leak.
    private static async Task<long> SettledMemoryAsync(long bound)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var memory = GC.GetTotalMemory(forceFullCollection: true);
            if (memory < bound || TimeProvider.System.GetElapsedTime(start) > TimeSpan.FromSeconds(20))
            {
                return memory;
            }

            await Task.Delay(100);
        }
    }

    private async Task EchoOverNewStreamAsync(ITransportConnection connection, int seed)
    {
        await using var stream = await connection.OpenStreamAsync(TransportStreamDirection.Bidirectional, Limit);
        await stream.WriteAsync(RandomBytes(100, seed), endStream: true, Limit);
        Assert.Equal(RandomBytes(100, seed), await ReadToEndAsync(stream));
    }

    private async Task ServeEchoAsync(ITransportConnection connection, int streams)
    {
        var serving = new List<Task>();
        for (var i = 0; i < streams; i++)
        {
            serving.Add(ServeAsync(await connection.AcceptStreamAsync(Limit)));
        }

        await Task.WhenAll(serving);

        async Task ServeAsync(ITransportStream stream)
        {
            await using (stream)
            {
                await EchoToEndAsync(stream);
            }
        }
    }
}
