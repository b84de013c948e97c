using System.Text.Json;
using RpcNet.Core.Tests.Support;
using RpcNet.Framing;
using RpcNet.Serialization;
using RpcNet.Server;
using RpcNet.Transports;

namespace RpcNet.Core.Tests.Framing;

/// <summary>The vectors that docs/wire-protocol.md points implementers to.</summary>
public sealed class VectorTests
{
    private static readonly JsonElement Vectors =
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "vectors", "rpcnet-1.json"))).RootElement;

    private static readonly RpcCompressionOptions Brotli = new() { Algorithm = RpcCompressionAlgorithm.Brotli };

    [Fact]
    public void VarInts()
    {
        foreach (var vector in Vectors.GetProperty("varints").EnumerateArray())
        {
            var bytes = Bytes(vector, "hex");
            var value = vector.GetProperty("value").GetInt64();
            Assert.Equal(bytes.Length, VarInt.TryRead(bytes, out var read));
            Assert.Equal(value, read);
            var written = new byte[VarInt.MaxLength];
            Assert.Equal(bytes, written[..VarInt.Write(written, value)]);
        }
    }

    [Fact]
    public void Frames()
    {
        foreach (var vector in Vectors.GetProperty("frames").EnumerateArray())
        {
            var bytes = Bytes(vector, "hex");
            var header = FrameHeader.Read(bytes);
            Assert.Equal(vector.GetProperty("type").GetInt32(), (int)header.Type);
            Assert.Equal(vector.GetProperty("flags").GetInt32(), (int)header.Flags);
            Assert.Equal(vector.GetProperty("callId").GetUInt32(), header.CallId);
            Assert.Equal(vector.GetProperty("argument").GetUInt32(), header.Argument);
            Assert.Equal(Bytes(vector, "extension"), bytes.AsSpan(FrameHeader.Size, header.ExtensionLength));
            Assert.Equal(Bytes(vector, "payload"), bytes.AsSpan(FrameHeader.Size + header.ExtensionLength));
            Assert.Equal(
                bytes,
                RawClient.Frame(header.Type, Bytes(vector, "payload"), header.CallId, header.Argument, Bytes(vector, "extension"), header.Flags));
        }
    }

    [Fact]
    public void Extensions()
    {
        foreach (var vector in Vectors.GetProperty("extensions").EnumerateArray())
        {
            var fields = vector.GetProperty("fields");
            var extension = new FrameExtension
            {
                TimeoutMicroseconds = fields.TryGetProperty("timeoutMicroseconds", out var timeout) ? timeout.GetInt64() : null,
                TraceParent = Text("traceParent"),
                TraceState = Text("traceState"),
                Metadata = Metadata("metadata"),
                Trailers = Metadata("trailers"),
                Message = Text("message"),
                Details = Convert.FromHexString(Text("details") ?? ""),
                Codec = fields.TryGetProperty("codec", out var codec) ? codec.GetByte() : null,
                Method = Text("method"),
            };
            Assert.Equal(Bytes(vector, "hex"), RawClient.Extension(extension));
            Assert.Equal(Bytes(vector, "hex"), RawClient.Extension(FrameExtension.Read(Bytes(vector, "hex"))));

            string? Text(string name) => fields.TryGetProperty(name, out var text) ? text.GetString() : null;

            RpcMetadata? Metadata(string name)
            {
                if (!fields.TryGetProperty(name, out var entries))
                {
                    return null;
                }

                var metadata = new RpcMetadata();
                foreach (var entry in entries.EnumerateArray())
                {
                    var (key, value) = (entry[0].GetString()!, entry[1].GetString()!);
                    if (key.EndsWith("-bin", StringComparison.Ordinal))
                    {
                        metadata.Add(key, Convert.FromHexString(value));
                    }
                    else
                    {
                        metadata.Add(key, value);
                    }
                }

                return metadata;
            }
        }
    }

    [Fact]
    public void Settings()
    {
        foreach (var vector in Vectors.GetProperty("settings").EnumerateArray())
        {
            var settings = new PeerSettings(
                Value("maxInlinePayloadBytes"),
                Value("maxMessageBytes"),
                Value("maxMetadataBytes"),
                Value("maxCallsPerConnection"),
                Value("maxLanes"),
                vector.TryGetProperty("decompresses", out var algorithms) ? algorithms.GetInt32() : 0);
            Assert.Equal(settings, PeerSettings.Read(Bytes(vector, "hex")));
            using var buffer = new PooledBufferWriter();
            settings.Write(buffer);
            Assert.Equal(Bytes(vector, "hex"), buffer.WrittenSpan);

            int Value(string name) => vector.GetProperty(name).GetInt32();
        }
    }

    [Fact]
    public void CompressedPayloads()
    {
        var compression = PayloadCompression.Agree(Brotli, PeerSettings.Default);
        foreach (var vector in Vectors.GetProperty("compressed").EnumerateArray())
        {
            var payload = compression.Read(
                RpcMarshaller.Raw, MessagePackRpcSerializer.Default, Bytes(vector, "hex"), FrameFlags.Compressed, maxBytes: 102);
            Assert.Equal(Bytes(vector, "payload"), payload.Span);
        }
    }

    /// <summary>A server answers the client's bytes of each conversation with exactly the server's bytes.</summary>
    [Fact]
    public async Task Conversations()
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { Compression = Brotli });
        foreach (var vector in Vectors.GetProperty("conversations").EnumerateArray())
        {
            await using var client = await RawClient.ConnectAsync(fixture);
            await client.OpenAsync(Bytes(vector, "control"));
            if (vector.TryGetProperty("clientLane", out _))
            {
                await client.OpenAsync(Bytes(vector, "clientLane"));
                var reader = await client.AcceptAsync(StreamType.Lane);
                await reader.ReadVarIntAsync(default);
                var frame = (await Eventually.Soon(reader.ReadAsync(default)))!.Value;
                var expected = Bytes(vector, "serverLane").AsSpan(2);
                Assert.Equal(FrameHeader.Read(expected), frame.Header);
                Assert.Equal(expected[FrameHeader.Size..], frame.Payload.Span);
            }
            else
            {
                var stream = await client.Connection.OpenStreamAsync(TransportStreamDirection.Bidirectional);
                await stream.WriteAsync(Bytes(vector, "clientCall"), endStream: true);
                var expected = Bytes(vector, "serverCall");
                var received = new List<byte>();
                var buffer = new byte[1000];
                while (await Eventually.Soon(stream.ReadAsync(buffer)) is > 0 and var read)
                {
                    received.AddRange(buffer[..read]);
                }

                Assert.Equal(expected, received);
            }
        }
    }

    private static byte[] Bytes(JsonElement vector, string name) => Convert.FromHexString(vector.GetProperty(name).GetString()!);
}
