using RpcNet.Core.Tests.Support;
using RpcNet.Server;

namespace RpcNet.Core.Tests.Server;

public sealed class BuiltInServicesTests
{
    private static readonly RpcUnaryMethod<string, string> Check =
        new("rpcnet.Health", "Check", RpcMarshaller.Value<string>(), RpcMarshaller.Value<string>());

    private static readonly RpcUnaryMethod<string, List<string>> Describe =
        new("rpcnet.Describe", "Methods", RpcMarshaller.Value<string>(), RpcMarshaller.Value<List<string>>());

    [Fact]
    public async Task HealthCheck_AnswersForTheServerAndItsServices()
    {
        await using var fixture = await RpcFixture.StartAsync(
            services: map => map.AddBuiltInServices((service, _) => new(service != "tests.v1.Probe")));
        Assert.Equal("SERVING", await Eventually.Soon(fixture.Channel.InvokeUnaryAsync(Check, "", null, default)));
        Assert.Equal("NOT_SERVING", await Eventually.Soon(fixture.Channel.InvokeUnaryAsync(Check, "tests.v1.Probe", null, default)));
        Assert.Equal(RpcStatusCode.NotFound, (await Eventually.Fault(fixture.Channel.InvokeUnaryAsync(Check, "nobody", null, default))).Status);
    }

    [Fact]
    public async Task Describe_ListsTheMethodsWithTheirKinds()
    {
        await using var fixture = await RpcFixture.StartAsync(services: map => map.AddBuiltInServices());
        var all = await Eventually.Soon(fixture.Channel.InvokeUnaryAsync(Describe, "", null, default));
        Assert.Contains("tests.v1.Probe/Add Unary", all);
        Assert.Contains("tests.v1.Probe/Sum ClientStreaming", all);
        Assert.Contains("rpcnet.Health/Check Unary", all);
        Assert.Equal(
            ["tests.v1.Probe/Scale Bidirectional"],
            await Eventually.Soon(fixture.Channel.InvokeUnaryAsync(Describe, "tests.v1.Probe/Sc", null, default)));
    }
}
