using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using RpcNet.Hosting.Tests.Support;
using RpcNet.Server;
using RpcNet.Testing;

namespace RpcNet.Hosting.Tests.Hosts;

/// <summary>The health of the host's checks, asked over RPC.</summary>
public sealed class HealthTests
{
    private static readonly RpcUnaryMethod<string, string> Check = new("rpcnet.Health", "Check", RpcMarshaller.Value<string>(), RpcMarshaller.Value<string>());

    private HealthCheckResult _database = HealthCheckResult.Healthy();
    private HealthCheckResult _greeter = HealthCheckResult.Healthy();

    [Fact(Timeout = 60_000)]
    public async Task Health_OverRpc_ReflectsTheHostsChecks()
    {
        await using var host = await StartAsync(predicate: null);
        Assert.Equal(BuiltInServices.HealthCheck, Check.FullName);
        Assert.Equal(("SERVING", "SERVING"), await StatusAsync(host));
        _greeter = HealthCheckResult.Degraded();
        Assert.Equal(("SERVING", "SERVING"), await StatusAsync(host));
        _greeter = HealthCheckResult.Unhealthy();
        Assert.Equal(("NOT_SERVING", "NOT_SERVING"), await StatusAsync(host));
        (_greeter, _database) = (HealthCheckResult.Healthy(), HealthCheckResult.Unhealthy());
        Assert.Equal(("NOT_SERVING", "SERVING"), await StatusAsync(host));
        var e = await Assert.ThrowsAsync<RpcFaultException>(() => host.Channel.InvokeUnaryAsync(Check, "test.v1.None", null, TestContext.Current.CancellationToken).AsTask());
        Assert.Equal(RpcStatusCode.NotFound, e.Status);
    }

    [Fact(Timeout = 60_000)]
    public async Task Health_WithAPredicate_LeavesTheOthersOut()
    {
        await using var host = await StartAsync(static check => check.Name != "database");
        _database = HealthCheckResult.Unhealthy();
        Assert.Equal("SERVING", await host.Channel.InvokeUnaryAsync(Check, "", null, TestContext.Current.CancellationToken));
    }

    private static async Task<(string Server, string Service)> StatusAsync(RpcTestHost host) => (
        await host.Channel.InvokeUnaryAsync(Check, "", null, TestContext.Current.CancellationToken),
        await host.Channel.InvokeUnaryAsync(Check, "test.v1.Greeter", null, TestContext.Current.CancellationToken));

    private Task<RpcTestHost> StartAsync(Func<HealthCheckRegistration, bool>? predicate) => RpcTestHost.StartAsync(
        builder =>
        {
            builder.Services.AddScoped<CallScope>();
            builder.Services.AddRpcNet().AddService<IGreeter, Greeter>().AddHealthService(predicate);
            builder.Services.AddHealthChecks()
                .AddRpcNet()
                .AddCheck("database", () => _database)
                .AddCheck("greeter", () => _greeter, ["test.v1.Greeter"]);
        },
        cancellationToken: TestContext.Current.CancellationToken);
}
