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
