using RpcNet.Core.Tests.Support;
using RpcNet.Framing;
using RpcNet.Transports;

namespace RpcNet.Core.Tests.Flaws;

/// <summary>The Rust crate reads messages of any size into memory. Here both sides decide on the header alone.</summary>
public sealed class MissingSizeCapsTests
{
    [Fact]
    public async Task Lane_FrameOfFourGigabytes_ClosesTheConnectionBeforeItsBodyComes()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.StartAsync(fixture);
        var lane = await client.OpenLaneAsync();
        await lane.WriteAsync(new byte[] { 255, 255, 255, 255, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0 }, endStream: false);
        Assert.Equal(RpcErrorCode.LimitExceeded, await client.ClosedAsync());
    }

    [Fact]
    public async Task CallStream_RequestOfTwoGigabytes_IsResetBeforeItsBodyComes()
    {
        await using var fixture = await RpcFixture.StartAsync();
        await using var client = await RawClient.StartAsync(fixture);
        byte[] huge = [255, 255, 255, 127, (byte)FrameType.Request, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        var stream = await client.OpenAsync([2, .. huge], TransportStreamDirection.Bidirectional);
        var thrown = await Assert.ThrowsAsync<TransportException>(() => Eventually.Soon(stream.ReadAsync(new byte[10])));
        Assert.Equal(RpcErrorCode.LimitExceeded, thrown.ApplicationErrorCode);
    }

    [Fact]
    public async Task Caller_MessageOverTheLimit_IsRefusedBeforeItIsSent()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var fault = await Eventually.Fault(fixture.Client.EchoAsync(new string('x', 5 << 20)));
        Assert.Equal((RpcStatusCode.ResourceExhausted, false), (fault.Status, fault.MayHaveExecuted));
    }
}
