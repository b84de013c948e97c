using RpcNet.Core.Tests.Support;

namespace RpcNet.Core.Tests.Calls;

public sealed class MetadataTests
{
    [Theory]
    [InlineData(10)]
    [InlineData(50_000)]
    public async Task Unary_MetadataAndTrailers_TravelBothWays(int size)
    {
        await using var fixture = await RpcFixture.StartAsync();
        var seen = new RpcMetadata();
        fixture.Service.OnCall = context =>
        {
            seen = context.RequestMetadata;
            context.ResponseMetadata.Add("answer", "a");
            context.Trailers.Add("end-bin", new byte[] { 9 });
            return default;
        };
        RpcMetadata? headers = null, trailers = null;
        var sent = new RpcMetadata();
        sent.Add("user", "ann");
        sent.Add("user", "bob");
        sent.Add("token-bin", new byte[] { 1, 2 });
        var client = fixture.Client.WithCallOptions(new RpcCallOptions
        {
            Metadata = sent, OnResponseMetadata = m => headers = m, OnTrailers = m => trailers = m,
        });

        await Eventually.Soon(client.EchoAsync(new string('x', size)));

        Assert.Equal(["user=ann", "user=bob", "token-bin=AQI="], seen.Select(e => $"{e.Key}={e.Value}"));
        Assert.Equal("a", headers!["answer"]);
        Assert.True(trailers!.TryGet("end-bin", out var end));
        Assert.Equal([9], end.Bytes.ToArray());
    }

    [Fact]
    public async Task Streaming_MetadataComesBeforeTheItemsAndTrailersAfter()
    {
        await using var fixture = await RpcFixture.StartAsync();
        fixture.Service.OnCall = context =>
        {
            context.ResponseMetadata.Add("answer", "a");
            context.Trailers.Add("end", "z");
            return default;
        };
        var order = new List<string>();
        var client = fixture.Client.WithCallOptions(new RpcCallOptions
        {
            OnResponseMetadata = m => order.Add(m["answer"]!), OnTrailers = m => order.Add(m["end"]!),
        });

        await foreach (var item in client.RangeAsync(1, 2))
        {
            order.Add($"{item}");
        }

        Assert.Equal(["a", "1", "2", "z"], order);
    }

    [Fact]
    public async Task Fault_CarriesTrailers()
    {
        await using var fixture = await RpcFixture.StartAsync();
        fixture.Service.OnCall = context =>
        {
            context.Trailers.Add("why", "because");
            throw new RpcFaultException(RpcStatusCode.Aborted, "no");
        };
        var fault = await Eventually.Fault(fixture.Client.EchoAsync(""));
        Assert.Equal("because", fault.Trailers["why"]);
        fault = await Assert.ThrowsAsync<RpcFaultException>(() => Eventually.All(fixture.Client.RangeAsync(0, 1)));
        Assert.Equal("because", fault.Trailers["why"]);
    }

    [Theory]
    [InlineData(9_000, false)]
    [InlineData(9_000, true)]
    [InlineData(70_000, false)]
    [InlineData(70_000, true)]
    public async Task Request_MetadataOverTheLimit_IsResourceExhaustedAndNotExecuted(int size, bool streaming)
    {
        await using var fixture = await RpcFixture.StartAsync();
        var metadata = new RpcMetadata();
        metadata.Add("big", new string('x', size));
        var client = fixture.Client.WithMetadata(metadata);
        var fault = streaming
            ? await Assert.ThrowsAsync<RpcFaultException>(() => Eventually.All(client.RangeAsync(0, 1)))
            : await Eventually.Fault(client.TouchAsync());
        Assert.Equal(RpcStatusCode.ResourceExhausted, fault.Status);
        Assert.False(fault.MayHaveExecuted);
        Assert.Equal(1, await Eventually.Soon(fixture.Client.CountCallsAsync()));
    }

    [Theory]
    [InlineData(9_000)]
    [InlineData(70_000)]
    public async Task Response_MetadataOverTheLimit_IsResourceExhausted(int size)
    {
        await using var fixture = await RpcFixture.StartAsync();
        fixture.Service.OnCall = context =>
        {
            context.ResponseMetadata.Add("big", new string('x', size));
            return default;
        };
        var fault = await Eventually.Fault(fixture.Client.EchoAsync(""));
        Assert.Equal(RpcStatusCode.ResourceExhausted, fault.Status);
        fault = await Assert.ThrowsAsync<RpcFaultException>(() => Eventually.All(fixture.Client.RangeAsync(0, 3)));
        Assert.Equal(RpcStatusCode.ResourceExhausted, fault.Status);
        Assert.Equal(3, await Eventually.Soon(fixture.Client.AddAsync(1, 2)));
    }
}
