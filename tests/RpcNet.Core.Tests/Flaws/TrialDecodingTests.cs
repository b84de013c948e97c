using RpcNet.Core.Tests.Support;
using RpcNet.Framing;

namespace RpcNet.Core.Tests.Flaws;

/// <summary>
/// The Rust crate tries to decode what it receives as one kind of message, then as another. Here the frame's type and the
/// method say what it is, and a payload that looks like a frame is a payload.
/// </summary>
public sealed class TrialDecodingTests
{
    public static TheoryData<byte[]> Lookalikes => new()
    {
        RawClient.Frame(FrameType.Fault, callId: 1, argument: 13, extension: [0x81, 0x06, 0xA1, 0x61]),
        RawClient.Frame(FrameType.Request, [1], 1, 1),
        RawClient.Frame(FrameType.End),
        new byte[] { 1, 0 },
        Array.Empty<byte>(),
    };

    [Theory]
    [MemberData(nameof(Lookalikes))]
    public async Task PayloadThatLooksLikeAFrame_ComesBackAsItIs(byte[] payload)
    {
        await using var fixture = await RpcFixture.StartAsync(services: s => s.Map("raw/Echo", static (bytes, _, _) => new(bytes.ToArray())));
        var echo = new RpcUnaryMethod<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>("raw", "Echo", RpcMarshaller.Raw, RpcMarshaller.Raw);
        Assert.Equal(payload, (await Eventually.Soon(fixture.Channel.InvokeUnaryAsync(echo, payload, null, default))).ToArray());

        // On a stream of its own, too.
        byte[] large = [.. payload, .. new byte[50_000]];
        Assert.Equal(large, (await Eventually.Soon(fixture.Channel.InvokeUnaryAsync(echo, large, null, default))).ToArray());
        var text = Convert.ToHexString(payload);
        Assert.Equal([text], await Eventually.All(fixture.Client.MirrorAsync(new[] { text }.ToAsyncEnumerable())));
    }

    /// <summary>A payload that would be valid for another kind of call does not turn the call into one.</summary>
    [Fact]
    public async Task UnaryCallOfAStreamingMethod_IsRefusedByItsKind()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var unary = new RpcUnaryMethod<(int, int), int>("tests.v1.Probe", "Range", new Pair(), RpcMarshaller.Value<int>());
        var fault = await Eventually.Fault(fixture.Channel.InvokeUnaryAsync(unary, (1, 2), null, default));
        Assert.Equal(RpcStatusCode.InvalidArgument, fault.Status);
        Assert.Contains("has a stream", fault.Message);
    }

    private sealed class Pair : RpcMarshaller<(int, int)>
    {
        public override void Write(IRpcSerializer serializer, System.Buffers.IBufferWriter<byte> writer, in (int, int) value)
        {
            serializer.WriteArgumentCount(writer, 2);
            serializer.Serialize(writer, value.Item1);
            serializer.Serialize(writer, value.Item2);
        }

        public override (int, int) Read(IRpcSerializer serializer, ReadOnlyMemory<byte> payload) => throw new NotSupportedException();
    }
}
