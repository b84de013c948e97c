using RpcNet.Core.Tests.Support;
using RpcNet.Framing;
using RpcNet.Transports;

namespace RpcNet.Core.Tests.Flaws;

/// <summary>The Rust crate panics on malformed input. Here it costs the peer its call or its connection, and nobody else anything.</summary>
public sealed class PanicsOnBadInputTests
{
    [Fact]
    public async Task RandomBytesOnEveryKindOfStream_LeaveTheServerServing()
    {
        var rounds = Environment.GetEnvironmentVariable("RPCNET_TESTS") == "all" ? 20_000 : 300;
        var log = new LogRecorder();
        await using var fixture = await RpcFixture.StartAsync(loggers: log);
        var random = new Random(41);
        for (var round = 0; round < rounds; round++)
        {
            await using var client = round % 10 == 0 ? await RawClient.ConnectAsync(fixture) : await RawClient.StartAsync(fixture);
            try
            {
                await client.OpenAsync([.. Preface(random), .. Noise(random)]);
                var call = await client.OpenAsync([.. Preface(random), .. Noise(random)], TransportStreamDirection.Bidirectional);
                await call.WriteAsync(Noise(random), endStream: true);
            }
            catch (TransportException)
            {
                // The server has seen enough already.
            }
        }

        Assert.Equal(3, await Eventually.Soon(fixture.Client.AddAsync(1, 2)));
        await Eventually.True(() => fixture.Server.Connections == 1 && fixture.Server.CallsInFlight == 0);
        Assert.DoesNotContain(log.Entries, static e => e.EventId is 1108 or 1111);
    }

    /// <summary>Mostly a stream's right beginning, so that what follows it is looked at.</summary>
    private static byte[] Preface(Random random) => random.Next(5) switch
    {
        0 => [0],
        1 => [1, (byte)random.Next(3), .. RawClient.Frame(FrameType.DefineMethod, "tests.v1.Probe/Echo"u8.ToArray(), argument: 1)],
        2 => [2, .. RawClient.Frame(FrameType.Request, Bytes(random, 20), extension: RawClient.Extension(new FrameExtension { Method = "tests.v1.Probe/Sum" }))],
        3 => [2],
        _ => [],
    };

    private static byte[] Noise(Random random) => random.Next(2) == 0
        ? Bytes(random, 200)
        : RawClient.Frame((FrameType)random.Next(40), Bytes(random, 100), (uint)random.Next(3), (uint)random.Next(3), Bytes(random, 30), (FrameFlags)random.Next(16));

    private static byte[] Bytes(Random random, int most)
    {
        var bytes = new byte[random.Next(most)];
        random.NextBytes(bytes);
        return bytes;
    }
}
