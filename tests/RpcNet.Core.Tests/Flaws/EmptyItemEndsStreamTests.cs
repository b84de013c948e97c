using System.Buffers;
using System.Text;
using RpcNet.Client;
using RpcNet.Core.Tests.Support;
using RpcNet.Framing;
using RpcNet.Server;

namespace RpcNet.Core.Tests.Flaws;

/// <summary>In the Rust crate a message of length 0 ends a stream. Here END does, and an empty item is an item.</summary>
public sealed class EmptyItemEndsStreamTests
{
    [Fact]
    public async Task EmptyItems_InBothDirections_AreItems()
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { Serializers = [new TextCodec()] });
        var tap = new TapTransport(fixture.ClientTransport);
        var channel = fixture.CreateChannel(o => new RpcChannelOptions { EndPoint = o.EndPoint, Tls = o.Tls, Serializer = new TextCodec() }, tap);
        string[] items = ["", "a", "", "", "b", ""];
        Assert.Equal(items, await Eventually.All(channel.CreateClient<IProbe>().MirrorAsync(items.ToAsyncEnumerable())));

        // They had length 0 on the wire, each way.
        foreach (var sent in new[] { true, false })
        {
            Assert.Equal([0, 1, 0, 0, 1, 0], tap.Frames(sent).Where(static f => f.Header.Type == FrameType.Item).Select(static f => f.Payload.Length));
        }
    }

    /// <summary>Text as it is: an empty string takes no byte.</summary>
    private sealed class TextCodec : IRpcSerializer
    {
        public byte CodecId => 200;

        public string Name => "text";

        public void Serialize<T>(IBufferWriter<byte> writer, T value) => writer.Write(Encoding.UTF8.GetBytes((string)(object)value!));

        public T Deserialize<T>(ref ReadOnlyMemory<byte> payload)
        {
            var text = Encoding.UTF8.GetString(payload.Span);
            payload = default;
            return (T)(object)text;
        }

        public void WriteArgumentCount(IBufferWriter<byte> writer, int count) => throw new NotSupportedException();

        public int ReadArgumentCount(ref ReadOnlyMemory<byte> payload) => throw new NotSupportedException();
    }
}
