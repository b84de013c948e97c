using System.Buffers.Binary;
using System.IO.Compression;
using RpcNet.Client;
using RpcNet.Core.Tests.Support;
using RpcNet.Framing;
using RpcNet.Server;
using RpcNet.Transports;

namespace RpcNet.Core.Tests.Calls;

public sealed class CompressionTests
{
    private static readonly RpcCompressionOptions Brotli = new() { Algorithm = RpcCompressionAlgorithm.Brotli };
    private static readonly PeerSettings TakesBrotli = PeerSettings.Default with { Decompresses = 2 };
    private static readonly string Text = new('a', 5000);

    [Theory]
    [InlineData(5_000)]
    [InlineData(100_000)]
    public async Task Unary_BothSidesHaveItOn_TravelsCompressedBothWays(int size)
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { Compression = Brotli });
        var (client, tap) = Tapped(fixture, Brotli);
        var text = new string('x', size);
        Assert.Equal(text, await Eventually.Soon(client.EchoAsync(text)));
        AssertCompressed(tap.Frames(sent: true), FrameType.Request, size);
        AssertCompressed(tap.Frames(sent: false), FrameType.Response, size);
    }

    [Fact]
    public async Task Streams_BothSidesHaveItOn_TravelCompressedBothWays()
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { Compression = Brotli });
        var (client, tap) = Tapped(fixture, Brotli);
        Assert.Equal([Text, "b", Text], await Eventually.All(client.MirrorAsync(Items())));
        Assert.Equal([true, false, true], Flags(tap.Frames(sent: true)));
        Assert.Equal([true, false, true], Flags(tap.Frames(sent: false)));

        static async IAsyncEnumerable<string> Items()
        {
            await Task.Yield();
            yield return Text;
            yield return "b";
            yield return Text;
        }

        static IEnumerable<bool> Flags(IEnumerable<(FrameHeader Header, byte[] Payload)> frames) => frames
            .Where(static f => f.Header.Type == FrameType.Item)
            .Select(static f => (f.Header.Flags & FrameFlags.Compressed) != 0);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task OneSideHasItOff_NothingIsCompressed(bool server, bool client)
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { Compression = server ? Brotli : new() });
        var (probe, tap) = Tapped(fixture, client ? Brotli : new());
        Assert.Equal(Text, await Eventually.Soon(probe.EchoAsync(Text)));
        Assert.All(tap.Frames(sent: true), static f => Assert.Equal(FrameFlags.None, f.Header.Flags & FrameFlags.Compressed));
        Assert.All(tap.Frames(sent: false), static f => Assert.Equal(FrameFlags.None, f.Header.Flags & FrameFlags.Compressed));
    }

    [Fact]
    public async Task BelowTheThresholdOrIncompressible_IsSentAsItIs()
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { Compression = Brotli with { ThresholdBytes = 2000 } });
        var (probe, tap) = Tapped(fixture, Brotli with { ThresholdBytes = 2000 });
        await Eventually.Soon(probe.EchoAsync(new string('a', 1990)));
        var noise = new byte[4000];
        new Random(5).NextBytes(noise);
        var borrowed = await Eventually.Soon(probe.BorrowAsync(new Borrower(noise)));
        Assert.Equal(noise, borrowed.Data.ToArray());
        Assert.All(tap.Frames(sent: true), static f => Assert.Equal(FrameFlags.None, f.Header.Flags));
        Assert.All(tap.Frames(sent: false), static f => Assert.Equal(FrameFlags.None, f.Header.Flags));
    }

    /// <summary>Compression moves no message past a limit: limits hold before it and after.</summary>
    [Fact]
    public async Task MessageOverTheLimit_IsRefusedHoweverSmallItCompresses()
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { Compression = Brotli });
        var (probe, _) = Tapped(fixture, Brotli);
        var fault = await Eventually.Fault(probe.EchoAsync(new string('a', 5_000_000)));
        Assert.Equal((RpcStatusCode.ResourceExhausted, false), (fault.Status, fault.MayHaveExecuted));
        var answer = await Eventually.Fault(probe.ResizeAsync(new Payload([]), 5_000_000));
        Assert.Equal(RpcStatusCode.ResourceExhausted, answer.Status);
    }

    public static TheoryData<string, byte[], RpcStatusCode> BadPayloads => new()
    {
        { "empty", [], RpcStatusCode.InvalidArgument },
        { "shorter than its prefix", [1, 0, 0, 0], RpcStatusCode.InvalidArgument },
        { "unknown algorithm", Compress(Encoded("hello"), algorithm: 9), RpcStatusCode.InvalidArgument },
        { "not Brotli", [1, 10, 0, 0, 0, 1, 2, 3, 4], RpcStatusCode.InvalidArgument },
        { "cut short", Compress(Encoded(Text))[..^3], RpcStatusCode.InvalidArgument },
        { "bytes left over", [.. Compress(Encoded("hello")), 0], RpcStatusCode.InvalidArgument },
        { "unfolds to less than it announces", Compress(Encoded("hello"), announced: 7), RpcStatusCode.InvalidArgument },
        { "unfolds to more than it announces", Compress(new byte[1 << 24], announced: 100), RpcStatusCode.InvalidArgument },
        { "announces more than a lane takes", Compress(new byte[(16 * 1024) + 1]), RpcStatusCode.ResourceExhausted },
        { "announces 4 GiB", Compress(new byte[1000], announced: uint.MaxValue), RpcStatusCode.ResourceExhausted },
    };

    /// <summary>A decompression bomb costs its sender a fault and the receiver no more than the limit.</summary>
    [Theory]
    [MemberData(nameof(BadPayloads))]
    public async Task Lane_BadCompressedRequest_FaultsThatCallAlone(string what, byte[] payload, RpcStatusCode status)
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { Compression = Brotli });
        await using var client = await RawClient.StartAsync(fixture, TakesBrotli);
        var lane = await client.OpenLaneAsync("tests.v1.Probe/Echo");
        await lane.WriteAsync(
            (byte[])[
                .. RawClient.Frame(FrameType.Request, payload, 1, 1, flags: FrameFlags.Compressed),
                .. RawClient.Frame(FrameType.Request, Compress(Encoded(Text)), 2, 1, flags: FrameFlags.Compressed),
            ],
            endStream: false);
        var reader = await client.AcceptAsync(StreamType.Lane);
        await reader.ReadVarIntAsync(default);
        var answers = new Dictionary<uint, FrameHeader>();
        while (answers.Count < 2)
        {
            var frame = (await Eventually.Soon(reader.ReadAsync(default)))!.Value;
            answers.Add(frame.Header.CallId, frame.Header);
        }

        Assert.True((FrameType.Fault, (uint)status) == (answers[1].Type, answers[1].Argument), what);
        Assert.Equal(FrameType.Response, answers[2].Type);
    }

    [Fact]
    public async Task CallStream_BombInAnItem_FaultsTheCallAlone()
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { Compression = Brotli });
        await using var client = await RawClient.StartAsync(fixture, TakesBrotli);
        var extension = RawClient.Extension(new FrameExtension { Method = "tests.v1.Probe/Sum" });
        var bomb = Compress(new byte[(4 << 20) + 1]);
        Assert.InRange(bomb.Length, 1, 1000);
        var stream = await client.OpenAsync(
            [2, .. RawClient.Frame(FrameType.Request, [], extension: extension), .. RawClient.Frame(FrameType.Item, bomb, flags: FrameFlags.Compressed)],
            TransportStreamDirection.Bidirectional);
        var reader = new FrameReader(stream, 60_000, 1 << 20);
        var frame = (await Eventually.Soon(reader.ReadAsync(default)))!.Value;
        Assert.Equal((FrameType.Fault, (uint)RpcStatusCode.ResourceExhausted), (frame.Header.Type, frame.Header.Argument));
        await Eventually.True(() => fixture.Server.CallsInFlight == 0);
        Assert.False(client.Connection.Closed.IsCompleted);
    }

    [Fact]
    public async Task CompressedRequest_ToAServerThatDidNotAgree_IsInvalidArgument()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.StartAsync(fixture, TakesBrotli);
        var lane = await client.OpenLaneAsync("tests.v1.Probe/Echo");
        await lane.WriteAsync(RawClient.Frame(FrameType.Request, Compress(Encoded(Text)), 1, 1, flags: FrameFlags.Compressed), endStream: false);
        var reader = await client.AcceptAsync(StreamType.Lane);
        await reader.ReadVarIntAsync(default);
        var frame = (await Eventually.Soon(reader.ReadAsync(default)))!.Value;
        Assert.Equal((FrameType.Fault, (uint)RpcStatusCode.InvalidArgument), (frame.Header.Type, frame.Header.Argument));
    }

    /// <summary>What is rented for a bomb is the limit, not what it unfolds to.</summary>
    [Fact]
    public void Bomb_IsRefusedBeforeAnythingIsAllocatedForIt()
    {
        var compression = PayloadCompression.Agree(Brotli, TakesBrotli);
        var announced = Compress(new byte[1 << 26]);
        var lying = Compress(new byte[1 << 26], announced: 1000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var fault = Assert.Throws<RpcFaultException>(() => Read(announced));
        Assert.Equal(RpcStatusCode.ResourceExhausted, fault.Status);
        Assert.Throws<RpcSerializationException>(() => Read(lying));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 100_000);

        ReadOnlyMemory<byte> Read(byte[] payload) =>
            compression.Read(RpcMarshaller.Raw, Serialization.MessagePackRpcSerializer.Default, payload, FrameFlags.Compressed, 1 << 20);
    }

    [Fact]
    public void Options_OutOfRange_AreRefusedByName()
    {
        Check(Brotli with { ThresholdBytes = 63 }, "ThresholdBytes");
        Check(Brotli with { Level = 12 }, "Level");
        Check(new RpcCompressionOptions { Algorithm = (RpcCompressionAlgorithm)7 }, "Algorithm");

        static void Check(RpcCompressionOptions options, string name) => Assert.Contains(
            name, Assert.Throws<ArgumentOutOfRangeException>(() => new RpcServer(new RpcServiceMap(), new RpcServerOptions { Compression = options })).Message);
    }

    private static (IProbe Client, TapTransport Tap) Tapped(RpcFixture fixture, RpcCompressionOptions compression)
    {
        var tap = new TapTransport(fixture.ClientTransport);
        var channel = fixture.CreateChannel(o => new RpcChannelOptions { EndPoint = o.EndPoint, Tls = o.Tls, Compression = compression }, tap);
        return (channel.CreateClient<IProbe>(), tap);
    }

    private static void AssertCompressed(IEnumerable<(FrameHeader Header, byte[] Payload)> frames, FrameType type, int size)
    {
        var (header, payload) = Assert.Single(frames, f => f.Header.Type == type);
        Assert.Equal(FrameFlags.Compressed, header.Flags & FrameFlags.Compressed);
        Assert.InRange(payload.Length, 6, 200);
        Assert.Equal(1, payload[0]);
        Assert.InRange(BinaryPrimitives.ReadInt32LittleEndian(payload.AsSpan(1)), size, size + 5);
    }

    private static byte[] Encoded(string text)
    {
        using var buffer = new PooledBufferWriter();
        Serialization.MessagePackRpcSerializer.Default.Serialize(buffer, text);
        return buffer.WrittenSpan.ToArray();
    }

    private static byte[] Compress(byte[] payload, byte algorithm = 1, uint? announced = null)
    {
        var bytes = new byte[BrotliEncoder.GetMaxCompressedLength(payload.Length)];
        Assert.True(BrotliEncoder.TryCompress(payload, bytes, out var written, 4, 22));
        byte[] prefix = [algorithm, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32LittleEndian(prefix.AsSpan(1), announced ?? (uint)payload.Length);
        return [.. prefix, .. bytes[..written]];
    }
}
