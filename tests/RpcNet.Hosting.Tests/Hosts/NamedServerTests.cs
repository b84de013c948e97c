using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using RpcNet.Client;
using RpcNet.Hosting.Tests.Support;
using RpcNet.Server;
using RpcNet.Testing;
using RpcNet.Testing.InMemory;
using RpcNet.Transports;

namespace RpcNet.Hosting.Tests.Hosts;

/// <summary>Several servers in one process, by name.</summary>
public sealed class NamedServerTests
{
    private readonly InMemoryNetwork _network = new();

    [Fact(Timeout = 60_000)]
    public async Task Servers_Several_HaveServicesFiltersAndPortsOfTheirOwn()
    {
        await using var host = await StartAsync(
            builder =>
            {
                builder.Services.AddScoped<CallScope>();
                builder.Services.AddRpcNet().AddService<IGreeter, Greeter>();
                builder.Services.AddRpcNet("internal").AddService<IGreeter, Greeter>().AddFilter<MarkFilter>().Map("ops/echo", (bytes, _) => new(bytes.ToArray()));
                builder.Services.AddRpcNet("admin", builder.Configuration.GetSection("Admin")).Map("admin/echo", (bytes, _) => new(bytes.ToArray()));
                builder.Services.AddHealthChecks().AddRpcNet();
            },
            ("RpcNet:Servers:internal:Listen:Address", "127.0.0.1:7401"),
            ("RpcNet:Servers:internal:Server:MaxConcurrentCalls", "7"),
            ("Admin:Listen:Address", "127.0.0.1:7402"));
        var (inner, admin) = (EndPointOf(host, "internal"), EndPointOf(host, "admin"));
        Assert.Equal((7401, 7402), (inner.Port, admin.Port));
        Assert.NotEqual(7401, host.EndPoint!.Port);

        await using var toInner = Connect(inner);
        await using var toAdmin = Connect(admin);
        Assert.Equal("Hello you", await host.CreateClient<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken));
        Assert.Equal("Hello you [marked]", await toInner.CreateClient<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken));
        var e = await Assert.ThrowsAsync<RpcFaultException>(() => toAdmin.CreateClient<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken).AsTask());
        Assert.Equal(RpcStatusCode.Unimplemented, e.Status);
        Assert.Equal(1, host.Services.GetRequiredKeyedService<RpcServer>("internal").Connections);

        var health = await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(TestContext.Current.CancellationToken);
        Assert.Equal(["rpcnet-listener", "rpcnet-listener-admin", "rpcnet-listener-internal"], health.Entries.Keys.Order());
        Assert.Equal(HealthStatus.Healthy, health.Status);
    }

    [Fact(Timeout = 60_000)]
    public async Task Server_ConfiguredByCode_Listens()
    {
        await using var host = await StartAsync(builder =>
        {
            builder.Services.AddRpcNet();
            builder.Services.AddRpcNet("internal", o => o.Listen.Address = "127.0.0.1:7411").Map("a/b", (bytes, _) => new(bytes));
        });
        Assert.Equal(7411, EndPointOf(host, "internal").Port);
        await host.StopAsync(TestContext.Current.CancellationToken);
        Assert.Null(host.Services.GetRequiredKeyedService<IRpcNetEndpoint>("internal").LocalEndPoint);
    }

    [Fact(Timeout = 60_000)]
    public async Task Stop_CallsInFlightAtANamedServer_AreFinishedFirst()
    {
        var greeter = new GatedGreeter();
        await using var host = await StartAsync(builder =>
            builder.Services.AddRpcNet("internal", o => o.Listen.Address = "127.0.0.1:7421").AddService<IGreeter>(greeter));
        await using var channel = Connect(EndPointOf(host, "internal"));
        var call = channel.CreateClient<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken).AsTask();
        await greeter.Entered.Task;
        var stopping = host.StopAsync(TestContext.Current.CancellationToken);
        Assert.False(stopping.IsCompleted);
        greeter.Gate.SetResult();
        Assert.Equal("Hello you, at last", await call);
        await stopping;
    }

    [Theory]
    [InlineData("RpcNet:Servers:internal:Listen:Address = '': must be set", "RpcNet:Servers:internal:Server:DrainTimeout", "00:00:01")]
    [InlineData("RpcNet:Servers:internal:Listen:Address = 'nowhere': must be \"host:port\"", "RpcNet:Servers:internal:Listen:Address", "nowhere")]
    [InlineData("RpcNet:Servers:internal:Server:Limits:Lanes = '17': must be from 1 to 16.", "RpcNet:Servers:internal:Server:Limits:Lanes", "17")]
    [InlineData("RpcNet:Servers:internal:Listn is not a setting of RpcNet. Did you mean RpcNet:Servers:internal:Listen?", "RpcNet:Servers:internal:Listn:Address", "x")]
    [InlineData("RpcNet:Servers:other: this application has no such server; it has internal.", "RpcNet:Servers:other:Listen:Address", "127.0.0.1:1")]
    [InlineData("RpcNet:Servers:internal:Listen:Address = '127.0.0.1:7430': is RpcNet:Listen:Address too", "RpcNet:Servers:internal:Listen:Address", "127.0.0.1:7430")]
    public async Task Settings_OfANamedServerWrong_AreNamed(string expected, string key, string value)
    {
        var e = await Assert.ThrowsAsync<RpcNetStartupException>(() => StartAsync(
            builder =>
            {
                builder.Services.AddRpcNet();
                builder.Services.AddRpcNet("internal");
            },
            ("RpcNet:Listen:Address", "127.0.0.1:7430"),
            (key, value)));
        Assert.Single(e.Problems, p => p.StartsWith(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void AddCluster_OnANamedServer_IsRefused()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        Assert.Contains("'internal'", Assert.Throws<InvalidOperationException>(() => builder.Services.AddRpcNet("internal").AddCluster()).Message);
    }

    private static System.Net.IPEndPoint EndPointOf(RpcTestHost host, string name) =>
        host.Services.GetRequiredKeyedService<IRpcNetEndpoint>(name).LocalEndPoint!;

    private RpcChannel Connect(System.Net.IPEndPoint endPoint) => new(
        _network.CreateTransport($"client-{Guid.NewGuid():N}"),
        new RpcChannelOptions
        {
            EndPoint = endPoint,
            Tls = new TlsClientOptions { TargetHost = "localhost", ValidateServer = TestCertificates.Shared.Trust },
        });

    private Task<RpcTestHost> StartAsync(Action<HostApplicationBuilder> configure, params (string Key, string Value)[] settings)
    {
        var options = new RpcTestHostOptions { Network = _network };
        foreach (var (key, value) in settings)
        {
            options.Settings[key] = value;
        }

        return RpcTestHost.StartAsync(configure, options, TestContext.Current.CancellationToken);
    }
}
