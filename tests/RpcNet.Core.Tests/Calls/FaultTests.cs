using RpcNet.Client;
using RpcNet.Core.Tests.Support;
using RpcNet.Server;

namespace RpcNet.Core.Tests.Calls;

public sealed class FaultTests
{
    [Fact]
    public async Task Fault_FromHandler_CarriesStatusMessageAndDetails()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var fault = await Eventually.Fault(fixture.Client.FailAsync((int)RpcStatusCode.FailedPrecondition, "not now", [1, 2, 3]));
        Assert.Equal(RpcStatusCode.FailedPrecondition, fault.Status);
        Assert.Equal("not now", fault.Message);
        Assert.Equal([1, 2, 3], fault.Details.ToArray());
        Assert.True(fault.MayHaveExecuted);
    }

    [Fact]
    public async Task Fault_LargerThanTheCallersLimit_ArrivesWithoutDetails()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var fault = await Eventually.Fault(
            fixture.Client.FailAsync((int)RpcStatusCode.DataLoss, new string('ü', 7000), new byte[3000]));
        Assert.Equal(RpcStatusCode.DataLoss, fault.Status);
        Assert.StartsWith("üüü", fault.Message);
        Assert.Contains("left out", fault.Message);
        Assert.Equal(3, await Eventually.Soon(fixture.Client.AddAsync(1, 2)));
    }

    [Fact]
    public async Task Exception_FromHandler_BecomesInternalWithoutItsText()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var fault = await Eventually.Fault(fixture.Client.ThrowAsync("the secret"));
        Assert.Equal(RpcStatusCode.Internal, fault.Status);
        Assert.DoesNotContain("secret", fault.Message);
    }

    [Fact]
    public async Task Exception_WithDetailedErrors_CarriesItsText()
    {
        await using var fixture = await RpcFixture.StartAsync(new RpcServerOptions { EnableDetailedErrors = true });
        var fault = await Eventually.Fault(fixture.Client.ThrowAsync("the reason"));
        Assert.Equal(RpcStatusCode.Internal, fault.Status);
        Assert.Contains("the reason", fault.Message);
    }

    [Fact]
    public async Task Fault_InMidStream_ComesAfterTheItems()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var items = new List<int>();
        var fault = await Assert.ThrowsAsync<RpcFaultException>(async () =>
        {
            await foreach (var item in fixture.Client.BreakAsync(1000))
            {
                items.Add(item);
            }
        });
        Assert.Equal(Enumerable.Range(0, 1000), items);
        Assert.Equal(RpcStatusCode.DataLoss, fault.Status);
        Assert.Equal([7], fault.Details.ToArray());
    }

    [Fact]
    public async Task ClientStreaming_SourceThrows_CallerSeesItAndHandlerIsCancelled()
    {
        await using var fixture = await RpcFixture.StartAsync();
        async IAsyncEnumerable<int> Source()
        {
            yield return 1;
            await Eventually.True(() => fixture.Service.Received.Count == 1);
            throw new FormatException("source broke");
        }

        await Assert.ThrowsAsync<FormatException>(() => Eventually.Soon(fixture.Client.SumAsync(Source())));
        await Eventually.True(() => fixture.Service.Cancelled == 1 && fixture.Service.Running == 0);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(40_000)]
    public async Task UnknownMethod_IsUnimplementedAndNotExecuted(int size)
    {
        await using var fixture = await RpcFixture.StartAsync();
        var method = new RpcUnaryMethod<ReadOnlyMemory<byte>, RpcEmpty>("tests.v1.Nobody", "Nothing", RpcMarshaller.Raw, RpcMarshaller.Empty);
        for (var i = 0; i < 2; i++)
        {
            var fault = await Eventually.Fault(fixture.Channel.InvokeUnaryAsync(method, new byte[size], null, default));
            Assert.Equal(RpcStatusCode.Unimplemented, fault.Status);
            Assert.False(fault.MayHaveExecuted);
        }

        Assert.Equal(0, fixture.Server.CallsInFlight);
    }

    [Theory]
    [InlineData(new byte[] { 0xC1 })]
    [InlineData(new byte[] { })]
    [InlineData(new byte[] { 0x91, 0x01 })]
    [InlineData(new byte[] { 0x92, 0x01, 0x02, 0x03 })]
    [InlineData(new byte[] { 0x92, 0xA1, 0x61, 0x02 })]
    [InlineData(new byte[] { 0xDD, 0xFF, 0xFF, 0xFF, 0xFF })]
    public async Task InvalidPayload_IsInvalidArgument(byte[] payload)
    {
        await using var fixture = await RpcFixture.StartAsync();
        var method = new RpcUnaryMethod<ReadOnlyMemory<byte>, int>("tests.v1.Probe", "Add", RpcMarshaller.Raw, RpcMarshaller.Value<int>());
        var fault = await Eventually.Fault(fixture.Channel.InvokeUnaryAsync(method, payload, null, default));
        Assert.Equal(RpcStatusCode.InvalidArgument, fault.Status);
    }

    [Fact]
    public async Task DeeplyNestedPayload_IsInvalidArgument()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var method = new RpcUnaryMethod<ReadOnlyMemory<byte>, RpcEmpty>("tests.v1.Probe", "Borrow", RpcMarshaller.Raw, RpcMarshaller.Empty);
        var fault = await Eventually.Fault(fixture.Channel.InvokeUnaryAsync(
            method, Enumerable.Repeat((byte)0x91, 15_000).ToArray(), null, default));
        Assert.Equal(RpcStatusCode.InvalidArgument, fault.Status);
    }

    [Fact]
    public async Task UnreadableResponse_IsInternalAtTheCaller()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var method = new RpcUnaryMethod<ReadOnlyMemory<byte>, Payload>(
            "tests.v1.Probe", "CountCalls", RpcMarshaller.Raw, RpcMarshaller.Value<Payload>());
        var fault = await Eventually.Fault(fixture.Channel.InvokeUnaryAsync(method, ReadOnlyMemory<byte>.Empty, null, default));
        Assert.Equal(RpcStatusCode.Internal, fault.Status);
    }

    [Fact]
    public async Task StreamingMethodOnALane_IsInvalidArgument()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var method = new RpcUnaryMethod<ReadOnlyMemory<byte>, RpcEmpty>("tests.v1.Probe", "Sum", RpcMarshaller.Raw, RpcMarshaller.Empty);
        var fault = await Eventually.Fault(fixture.Channel.InvokeUnaryAsync(method, ReadOnlyMemory<byte>.Empty, null, default));
        Assert.Equal(RpcStatusCode.InvalidArgument, fault.Status);
        Assert.Equal(0, fixture.Service.Started);
    }

    [Fact]
    public async Task UnknownCodec_IsUnimplemented()
    {
        await using var fixture = await RpcFixture.StartAsync(
            client: options => new RpcChannelOptions { EndPoint = options.EndPoint, Tls = options.Tls, Serializer = new OtherCodec() });
        var fault = await Eventually.Fault(fixture.Client.TouchAsync());
        Assert.Equal(RpcStatusCode.Unimplemented, fault.Status);
        Assert.False(fault.MayHaveExecuted);
    }

    private sealed class OtherCodec : IRpcSerializer
    {
        public byte CodecId => 200;

        public string Name => "other";

        public void Serialize<T>(System.Buffers.IBufferWriter<byte> writer, T value) => throw new NotSupportedException();

        public T Deserialize<T>(ref ReadOnlyMemory<byte> payload) => throw new NotSupportedException();

        public void WriteArgumentCount(System.Buffers.IBufferWriter<byte> writer, int count) => throw new NotSupportedException();

        public int ReadArgumentCount(ref ReadOnlyMemory<byte> payload) => throw new NotSupportedException();
    }
}
