using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Hosting.Tests.Support;
using RpcNet.Testing;

namespace RpcNet.Hosting.Tests.Hosts;

public sealed class ServingTests
{
    [Fact(Timeout = 60_000)]
    public async Task Service_Called_RunsInItsOwnScopeWithinTheFilters()
    {
        await using var host = await RpcTestHost.StartAsync(builder =>
        {
            builder.Services.AddScoped<CallScope>();
            builder.Services.AddRpcNet(builder.Configuration.GetSection("RpcNet"))
                .AddService<IGreeter, Greeter>()
                .AddFilter<MarkFilter>();
        }, cancellationToken: TestContext.Current.CancellationToken);
        var client = host.CreateClient<IGreeter>();
        var before = CallScope.Disposed;
        Assert.Equal("Hello you [marked]", await client.GreetAsync("you", TestContext.Current.CancellationToken));
        Assert.Equal("Hello you [marked]", await client.GreetAsync("you", TestContext.Current.CancellationToken));
        await Eventually.TrueAsync(() => CallScope.Disposed >= before + 2, "a scope is disposed with each call");
        Assert.Equal([1, 2, 3], await client.CountAsync(3, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken));
    }

    [Fact(Timeout = 60_000)]
    public async Task Methods_Mapped_AreServed()
    {
        await using var host = await RpcTestHost.StartAsync(builder => builder.Services.AddRpcNet()
            .MapUnary<string, int>("test/Length", (text, _) => new(text.Length))
            .Map("test/echo", (bytes, _) => new(bytes.ToArray())), cancellationToken: TestContext.Current.CancellationToken);
        var length = new RpcUnaryMethod<string, int>("test", "Length", RpcMarshaller.Value<string>(), RpcMarshaller.Value<int>());
        Assert.Equal(5, await host.Channel.InvokeUnaryAsync(length, "hello", null, TestContext.Current.CancellationToken));
        var echo = new RpcUnaryMethod<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>("test", "echo", RpcMarshaller.Raw, RpcMarshaller.Raw);
        Assert.Equal([1, 2], (await host.Channel.InvokeUnaryAsync(echo, new byte[] { 1, 2 }, null, TestContext.Current.CancellationToken)).ToArray());
    }

    [Theory(Timeout = 60_000)]
    [InlineData(false, "test.v1.Greeter/Greet failed. The server's log has the reason.")]
    [InlineData(true, "secret")]
    public async Task Handler_Fails_TellsAsMuchAsConfigured(bool detailed, string expected)
    {
        await using var host = await RpcTestHost.StartAsync(
            builder =>
            {
                builder.Services.AddScoped<CallScope>();
                builder.Services.AddRpcNet().AddService<IGreeter, Greeter>();
            },
            new RpcTestHostOptions { Settings = { ["RpcNet:Server:EnableDetailedErrors"] = detailed.ToString() } },
            TestContext.Current.CancellationToken);
        var e = await Assert.ThrowsAsync<RpcFaultException>(() => host.CreateClient<IGreeter>().GreetAsync("fail", TestContext.Current.CancellationToken).AsTask());
        Assert.Contains(expected, e.Message);
    }

    [Fact(Timeout = 60_000)]
    public async Task Services_Replaced_AnswerInsteadOfTheApplications()
    {
        await using var host = await RpcTestHost.StartAsync(
            builder =>
            {
                builder.Services.AddSingleton(new CallScope { Seen = " (application's)" });
                builder.Services.AddRpcNet().AddService<IGreeter, Greeter>();
            },
            new RpcTestHostOptions { ConfigureServices = services => services.AddSingleton(new CallScope { Seen = " (test's)" }) },
            TestContext.Current.CancellationToken);
        Assert.Equal("Hello you (test's)", await host.CreateClient<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken));
    }

    [Fact(Timeout = 60_000)]
    public async Task Stop_CallInFlight_IsFinishedFirst()
    {
        var greeter = new GatedGreeter();
        await using var host = await RpcTestHost.StartAsync(
            builder => builder.Services.AddRpcNet().AddService<IGreeter>(greeter), cancellationToken: TestContext.Current.CancellationToken);
        var call = host.CreateClient<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken).AsTask();
        await greeter.Entered.Task;
        var stopping = host.StopAsync(TestContext.Current.CancellationToken);
        var refused = await Assert.ThrowsAsync<RpcFaultException>(() => UntilRefusedAsync(host.CreateClient<IGreeter>()));
        Assert.False(refused.MayHaveExecuted);
        Assert.False(stopping.IsCompleted);
        greeter.Gate.SetResult();
        Assert.Equal("Hello you, at last", await call);
        await stopping;
        Assert.Null(host.EndPoint);
    }

    [Fact(Timeout = 60_000)]
    public async Task Stop_CallThatHangs_IsCancelledAfterTheDrainTime()
    {
        var greeter = new GatedGreeter();
        var log = new LogCollector();
        await using var host = await RpcTestHost.StartAsync(
            builder =>
            {
                builder.Logging.AddProvider(log);
                builder.Services.AddRpcNet().AddService<IGreeter>(greeter);
            },
            new RpcTestHostOptions { Settings = { ["RpcNet:Server:DrainTimeout"] = "00:00:00.1" } },
            TestContext.Current.CancellationToken);
        var call = host.CreateClient<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken).AsTask();
        await greeter.Entered.Task;
        await host.StopAsync(TestContext.Current.CancellationToken);
        Assert.True(log.Has(2004));
        await Assert.ThrowsAsync<RpcFaultException>(() => call);
    }

    [Fact(Timeout = 60_000)]
    public async Task Health_FollowsTheListener()
    {
        await using var host = await RpcTestHost.StartAsync(builder =>
        {
            builder.Services.AddRpcNet().Map("a/b", (bytes, _) => new(bytes));
            builder.Services.AddHealthChecks().AddRpcNet();
        }, cancellationToken: TestContext.Current.CancellationToken);
        var health = host.Services.GetRequiredService<HealthCheckService>();
        var report = await health.CheckHealthAsync(TestContext.Current.CancellationToken);
        Assert.Equal(HealthStatus.Healthy, report.Status);
        Assert.Equal(["rpcnet-listener"], report.Entries.Keys);
        await host.StopAsync(TestContext.Current.CancellationToken);
        Assert.Equal(HealthStatus.Unhealthy, (await health.CheckHealthAsync(TestContext.Current.CancellationToken)).Status);
    }

    [Fact(Timeout = 60_000)]
    public async Task Settings_Wrong_AreAllNamedAndNothingStarts()
    {
        var e = await Assert.ThrowsAsync<RpcNetStartupException>(() => RpcTestHost.StartAsync(
            builder =>
            {
                builder.Services.AddRpcNet();
                builder.Services.AddRpcClient<IGreeter>(o => o.Cluster.Tags = "role=worker");
            },
            new RpcTestHostOptions
            {
                Settings =
                {
                    ["RpcNet:Listen:Address"] = "nowhere", ["RpcNet:Transprot:Engine"] = "Auto", ["RpcNet:Server:MaxConcurrentCalls"] = "0",
                    ["RpcNet:Server:DrainTimeout"] = "5",
                },
            },
            TestContext.Current.CancellationToken));
        Assert.Equal(5, e.Problems.Count);
        foreach (var key in new[] { "RpcNet:Listen:Address", "RpcNet:Transprot", "RpcNet:Server:MaxConcurrentCalls", "RpcNet:Server:DrainTimeout", "RpcNet:Clients:IGreeter:Cluster:Tags" })
        {
            Assert.Single(e.Problems, p => p.StartsWith(key, StringComparison.Ordinal));
        }

        Assert.DoesNotContain("   at ", e.ToString());
    }

    [Fact(Timeout = 60_000)]
    public async Task Port_InUse_IsNamed()
    {
        var network = new RpcNet.Testing.InMemory.InMemoryNetwork();
        var options = new RpcTestHostOptions { Network = network, Settings = { ["RpcNet:Listen:Address"] = "127.0.0.1:7000" } };
        await using var first = await RpcTestHost.StartAsync(builder => builder.Services.AddRpcNet(), options, TestContext.Current.CancellationToken);
        var e = await Assert.ThrowsAsync<RpcNetStartupException>(() => RpcTestHost.StartAsync(builder => builder.Services.AddRpcNet(), options, TestContext.Current.CancellationToken));
        Assert.Equal("RpcNet:Listen:Address = '127.0.0.1:7000': the UDP port is in use; stop the process that has it, or choose another port.", e.Message);
    }

    [Fact(Timeout = 60_000)]
    public async Task EarlyData_EngineThatCannotSendIt_IsAnErrorAtStart()
    {
        var e = await Assert.ThrowsAsync<RpcNetStartupException>(() => RpcTestHost.StartAsync(
            builder => builder.Services.AddRpcClient<IGreeter>(o =>
            {
                o.Address = "127.0.0.1:7000";
                o.EarlyData = true;
            }),
            cancellationToken: TestContext.Current.CancellationToken));
        Assert.Contains("RpcNet:Clients:IGreeter:EarlyData = 'True': the engine in use, ", e.Message, StringComparison.Ordinal);
    }

    [Fact(Timeout = 60_000)]
    public async Task EarlyData_WithoutTickets_IsAnErrorAtStart()
    {
        var e = await Assert.ThrowsAsync<RpcNetStartupException>(() => RpcTestHost.StartAsync(
            builder => builder.Services.AddRpcNet(),
            new RpcTestHostOptions
            {
                Settings = { ["RpcNet:Transport:Ngtcp2:AcceptEarlyData"] = "true", ["RpcNet:Transport:Ngtcp2:SessionTickets"] = "false" },
            },
            TestContext.Current.CancellationToken));
        Assert.Contains("RpcNet:Transport:Ngtcp2:AcceptEarlyData = 'True': needs RpcNet:Transport:Ngtcp2:SessionTickets = 'True'", e.Message, StringComparison.Ordinal);
    }

    [Fact(Timeout = 60_000)]
    public async Task Services_WithoutAListener_IsAnError()
    {
        var e = await Assert.ThrowsAsync<RpcNetStartupException>(() => RpcTestHost.StartAsync(
            builder => builder.Services.AddRpcNet().Map("a/b", (bytes, _) => new(bytes)),
            new RpcTestHostOptions { Settings = { ["RpcNet:Listen:Address"] = "" } },
            TestContext.Current.CancellationToken));
        Assert.Contains("RpcNet:Listen:Address = '': must be set", e.Message);
    }

    [Fact(Timeout = 60_000)]
    public async Task RunAsync_CannotStart_GivesOneAndLogsTheReasonOnce()
    {
        var log = new LogCollector();
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.AddProvider(log);
        builder.Services.AddRpcNet(o => o.Listen.Address = "nowhere");
        Assert.Equal(1, await RpcNetHost.RunAsync(builder.Build(), TestContext.Current.CancellationToken));
        Assert.Single(log.Entries, static e => e.Level >= LogLevel.Error);
    }

    private static async Task UntilRefusedAsync(IGreeter client)
    {
        while (true)
        {
            await client.CountAsync(0, TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
        }
    }
}
