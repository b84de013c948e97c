namespace RpcNet.Transports.Tests.Ngtcp2;

public sealed class Ngtcp2StressTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    // A stream opened on one thread while the loop serves another thread's request must not be overlooked.
    [Fact]
    public async Task Streams_OpenedFromManyThreads_EveryOneIsServed()
    {
        await using var pair = await Ngtcp2Pair.StartAsync();
        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);
        var serving = ServeAsync(server);

        await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Task.Run(async () =>
        {
            var buffer = new byte[200];
            for (var i = 0; i < 300; i++)
            {
                await using var stream = await client.OpenStreamAsync(TransportStreamDirection.Bidirectional);
                await stream.WriteAsync(buffer.AsMemory(0, 100), endStream: true);
                var total = 0;
                while (await stream.ReadAsync(buffer) is var read and > 0)
                {
                    total += read;
                }

                Assert.Equal(100, total);
            }
        }))).WaitAsync(s_limit);

        await client.CloseAsync(0);
        await serving.WaitAsync(s_limit);
    }

    [Fact]
    public async Task Streams_BlockedByTheConnectionsWindow_ArePutAsideOnceAndHoldNoEndUp()
    {
        const int Window = 64 << 10;
        var options = Ngtcp2Pair.ListenerOptions();
        await using var pair = await Ngtcp2Pair.StartAsync(new TransportListenerOptions
        {
            ApplicationProtocols = options.ApplicationProtocols,
            EndPoint = options.EndPoint,
            Tls = options.Tls,
            StreamReceiveWindow = Window,
            ConnectionReceiveWindow = Window,
        });
        var (client, server) = await pair.ConnectAsync().WaitAsync(s_limit);
        var native = (RpcNet.Transports.Ngtcp2.Internal.Connection)client;
        using var limit = new CancellationTokenSource(s_limit);
        await using var full = await client.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        await full.WriteAsync(new byte[Window + 1], endStream: false);
        await UntilPutAsideAsync(1);
        await using var blocked = await client.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        for (var i = 0; i < 300; i++)
        {
            await blocked.WriteAsync(new byte[1], endStream: false);
            Assert.InRange(await OnLoopAsync(native, c => c.StreamsPutAside), 0, 2);
        }

        await UntilPutAsideAsync(2);

        // The end of a stream needs no room.
        await using var empty = await client.OpenStreamAsync(TransportStreamDirection.Unidirectional);
        await empty.WriteAsync(default, endStream: true);
        var accepted = new Dictionary<long, ITransportStream>();
        Assert.Equal(0, await (await AcceptAsync(empty.Id)).ReadAsync(new byte[1], limit.Token));

        // Bytes go on once the reader makes room.
        await ReadAsync(await AcceptAsync(full.Id), Window + 1);
        await ReadAsync(await AcceptAsync(blocked.Id), 300);

        async Task UntilPutAsideAsync(int count)
        {
            while (await OnLoopAsync(native, c => c.StreamsPutAside) != count)
            {
                limit.Token.ThrowIfCancellationRequested();
            }
        }

        async Task<ITransportStream> AcceptAsync(long id)
        {
            while (!accepted.ContainsKey(id))
            {
                var stream = await server.AcceptStreamAsync(limit.Token);
                accepted.Add(stream.Id, stream);
            }

            return accepted[id];
        }

        async Task ReadAsync(ITransportStream stream, int bytes)
        {
            while (bytes > 0)
            {
                var read = await stream.ReadAsync(new byte[bytes], limit.Token);
                Assert.NotEqual(0, read);
                bytes -= read;
            }
        }
    }

    private static Task<T> OnLoopAsync<T>(
        RpcNet.Transports.Ngtcp2.Internal.Connection connection, Func<RpcNet.Transports.Ngtcp2.Internal.Connection, T> question)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.Loop.Post(() => answer.SetResult(question(connection)));
        return answer.Task.WaitAsync(s_limit);
    }

    private static async Task ServeAsync(ITransportConnection connection)
    {
        var streams = new List<Task>();
        try
        {
            while (true)
            {
                var stream = await connection.AcceptStreamAsync();
                streams.Add(Task.Run(async () =>
                {
                    await using (stream)
                    {
                        var buffer = new byte[200];
                        int read;
                        do
                        {
                            read = await stream.ReadAsync(buffer);
                            await stream.WriteAsync(buffer.AsMemory(0, read), endStream: read == 0);
                        }
                        while (read > 0);
                    }
                }));
            }
        }
        catch (TransportException e) when (e.Error == TransportError.ConnectionAborted)
        {
            await Task.WhenAll(streams);
        }
    }
}
