using RpcNet.Framing;
using RpcNet.Serialization;

namespace RpcNet.Core.Tests.Framing;

public sealed class CodecFuzzTests(ITestOutputHelper output)
{
    private static int Rounds => Environment.GetEnvironmentVariable("RPCNET_TESTS") == "all" ? 1_000_000 : 30_000;

    [Fact]
    public void Extension_Random_ReadsBackEqual()
    {
        var random = new Random(11);
        for (var i = 0; i < 5000; i++)
        {
            var extension = RandomExtension(random);
            using var buffer = new PooledBufferWriter();
            extension.Write(buffer);
            AssertEqual(extension, FrameExtension.Read(buffer.WrittenMemory));
        }
    }

    [Fact]
    public void Header_Random_ReadsBackEqual()
    {
        var random = new Random(12);
        var bytes = new byte[FrameHeader.Size];
        var again = new byte[FrameHeader.Size];
        for (var i = 0; i < 5000; i++)
        {
            random.NextBytes(bytes);
            FrameHeader.Read(bytes).Write(again);
            Assert.Equal(bytes, again);
        }
    }

    [Fact]
    public void VarInt_EveryLength_ReadsBackEqual()
    {
        var random = new Random(13);
        Span<byte> bytes = stackalloc byte[VarInt.MaxLength];
        for (var i = 0; i < 5000; i++)
        {
            var value = random.NextInt64(1L << random.Next(1, 63)) & ((1L << 62) - 1);
            var length = VarInt.Write(bytes, value);
            Assert.Equal(length, VarInt.TryRead(bytes[..length], out var read));
            Assert.Equal(value, read);
            Assert.Equal(0, VarInt.TryRead(bytes[..(length - 1)], out _));
        }
    }

    [Fact]
    public void Extension_Mutated_IsReadOrRefused()
    {
        var random = new Random(21);
        var refused = 0;
        for (var i = 0; i < Rounds; i++)
        {
            using var buffer = new PooledBufferWriter();
            RandomExtension(random).Write(buffer);
            var bytes = Mutate(buffer.WrittenSpan, random);
            try
            {
                FrameExtension.Read(bytes);
            }
            catch (RpcProtocolException)
            {
                refused++;
            }
        }

        Report(Rounds - refused, refused);
        Assert.InRange(refused, Rounds / 10, Rounds);
    }

    [Fact]
    public void Settings_Mutated_AreReadOrRefused()
    {
        var random = new Random(22);
        var refused = 0;
        for (var i = 0; i < Rounds; i++)
        {
            using var buffer = new PooledBufferWriter();
            PeerSettings.Default.Write(buffer);
            var bytes = Mutate(buffer.WrittenSpan, random);
            try
            {
                PeerSettings.Read(bytes);
            }
            catch (RpcProtocolException)
            {
                refused++;
            }
        }

        Report(Rounds - refused, refused);
        Assert.InRange(refused, Rounds / 10, Rounds);
    }

    [Fact]
    public void Message_Mutated_IsReadOrRefused()
    {
        var random = new Random(23);
        var serializer = MessagePackRpcSerializer.Default;
        var refused = 0;
        for (var i = 0; i < Rounds; i++)
        {
            using var buffer = new PooledBufferWriter();
            serializer.Serialize(buffer, new Dictionary<string, string> { ["a"] = "b", [$"{random.Next()}"] = "c" });
            serializer.Serialize(buffer, new Support.Payload(new byte[random.Next(20)], "note"));
            ReadOnlyMemory<byte> bytes = Mutate(buffer.WrittenSpan, random);
            try
            {
                serializer.Deserialize<Dictionary<string, string>>(ref bytes);
                serializer.Deserialize<Support.Payload>(ref bytes);
            }
            catch (RpcSerializationException)
            {
                refused++;
            }
        }

        Report(Rounds - refused, refused);
        Assert.InRange(refused, Rounds / 10, Rounds);
    }

    [Fact]
    public void CompressedPayload_Mutated_IsReadOrRefusedWithinItsLimit()
    {
        var random = new Random(25);
        var compression = PayloadCompression.Agree(
            new RpcCompressionOptions { Algorithm = RpcCompressionAlgorithm.Brotli, ThresholdBytes = 64, Level = 1 },
            PeerSettings.Default with { Decompresses = 2 });
        var (read, refused) = (0, 0);
        for (var i = 0; i < Rounds / 10; i++)
        {
            using var buffer = new PooledBufferWriter();
            buffer.Write(RandomBytes(random, random.Next(20)));
            buffer.Write(new byte[random.Next(100, 2000)]);
            var flags = compression.Compress(buffer, 0);
            Assert.Equal(FrameFlags.Compressed, flags);
            var bytes = Mutate(buffer.WrittenSpan, random);
            try
            {
                Assert.InRange(compression.Read(RpcMarshaller.Raw, MessagePackRpcSerializer.Default, bytes, flags, 1500).Length, 0, 1500);
                read++;
            }
            catch (Exception e) when (e is RpcSerializationException or RpcFaultException { Status: RpcStatusCode.ResourceExhausted })
            {
                refused++;
            }
        }

        Report(read, refused);
        Assert.True(read > 0 && refused > read, $"{read} read, {refused} refused");
    }

    /// <summary>Streams of mutated frames in pieces of random size: the reader gives frames, or refuses.</summary>
    [Fact]
    public async Task Reader_MutatedFrames_ReadsOrRefusesWithinItsLimits()
    {
        var random = new Random(24);
        var (frames, refused) = (0, 0);
        for (var i = 0; i < Rounds; i++)
        {
            var count = random.Next(1, 4);
            var bytes = new List<byte>();
            for (var j = 0; j < count; j++)
            {
                bytes.AddRange(Support.RawClient.Frame(
                    (FrameType)random.Next(12), new byte[random.Next(60)], (uint)random.Next(), (uint)random.Next(5), new byte[random.Next(20)]));
            }

            var input = random.Next(5) == 0 ? bytes.ToArray() : Mutate(bytes.ToArray(), random);
            using var reader = new FrameReader(new ByteStream(input, random), 100, 1000);
            try
            {
                while (await reader.ReadAsync(default) is { } frame)
                {
                    frames++;
                    Assert.InRange(frame.Payload.Length, 0, 1000);
                    Assert.InRange(frame.Extension.Length, 0, 100);
                }
            }
            catch (RpcProtocolException)
            {
                refused++;
            }
        }

        Report(frames, refused);
        Assert.InRange(frames, Rounds / 2, 4 * Rounds);
    }

    private void Report(int read, int refused) => output.WriteLine($"{read:N0} read, {refused:N0} refused");

    private static FrameExtension RandomExtension(Random random) => new()
    {
        TimeoutMicroseconds = random.Next(2) == 0 ? null : random.NextInt64(1L << random.Next(1, 51)),
        TraceParent = random.Next(2) == 0 ? null : "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        TraceState = random.Next(3) != 0 ? null : "vendor=1",
        Metadata = random.Next(2) == 0 ? null : RandomMetadata(random),
        Trailers = random.Next(3) != 0 ? null : RandomMetadata(random),
        Message = random.Next(3) != 0 ? null : "résumé " + random.Next(),
        Details = random.Next(3) != 0 ? default : RandomBytes(random, 1 + random.Next(300)),
        Codec = random.Next(3) != 0 ? null : (byte)random.Next(256),
        Method = random.Next(2) == 0 ? null : "tests.v1.Probe/Add",
    };

    private static RpcMetadata RandomMetadata(Random random)
    {
        var metadata = new RpcMetadata();
        for (var i = random.Next(1, 5); i > 0; i--)
        {
            if (random.Next(2) == 0)
            {
                metadata.Add($"key.{random.Next(3)}", new string('v', random.Next(300)));
            }
            else
            {
                metadata.Add("key-bin", RandomBytes(random, random.Next(300)));
            }
        }

        return metadata;
    }

    private static byte[] RandomBytes(Random random, int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    private static byte[] Mutate(ReadOnlySpan<byte> source, Random random)
    {
        var bytes = source.ToArray().ToList();
        for (var i = random.Next(1, 5); i > 0 && bytes.Count > 0; i--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, Math.Min(bytes.Count - at, random.Next(1, 9)));
                    break;
                case 3:
                    bytes.InsertRange(at, RandomBytes(random, random.Next(1, 9)));
                    break;
                case 4:
                    bytes[at] = 255;
                    break;
                default:
                    bytes.InsertRange(at, bytes.GetRange(at, Math.Min(bytes.Count - at, random.Next(1, 9))));
                    break;
            }
        }

        return [.. bytes];
    }

    private static void AssertEqual(FrameExtension expected, FrameExtension actual)
    {
        Assert.Equal(expected.TimeoutMicroseconds, actual.TimeoutMicroseconds);
        Assert.Equal(expected.TraceParent, actual.TraceParent);
        Assert.Equal(expected.TraceState, actual.TraceState);
        Assert.Equal(Text(expected.Metadata), Text(actual.Metadata));
        Assert.Equal(Text(expected.Trailers), Text(actual.Trailers));
        Assert.Equal(expected.Message, actual.Message);
        Assert.Equal(expected.Details.ToArray(), actual.Details.ToArray());
        Assert.Equal(expected.Codec, actual.Codec);
        Assert.Equal(expected.Method, actual.Method);

        static string? Text(RpcMetadata? metadata) => metadata is null ? null : string.Join(';', metadata.Select(e => $"{e.Key}={e.Value}"));
    }
}
