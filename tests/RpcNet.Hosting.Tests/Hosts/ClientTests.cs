using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Hosting.Tests.Support;
using RpcNet.Testing;
using RpcNet.Testing.InMemory;
using RpcNet.Transports;

namespace RpcNet.Hosting.Tests.Hosts;

public sealed class ClientTests : IAsyncLifetime
{
    private readonly InMemoryNetwork _network = new();
    private RpcTestHost _server = null!;

    public async ValueTask InitializeAsync() => _server = await RpcTestHost.StartAsync(
        builder =>
        {
            builder.Services.AddScoped<CallScope>();
            builder.Services.AddRpcNet().AddService<IGreeter, Greeter>();
        },
        new RpcTestHostOptions { Network = _network },
        TestContext.Current.CancellationToken);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact(Timeout = 60_000)]
    public async Task Client_WithAddress_CallsIt()
    {
        await using var host = await StartAsync(services => services.AddRpcClient<IGreeter>(o => o.Address = _server.EndPoint!.ToString()));
        Assert.Equal("Hello you", await host.Services.GetRequiredService<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken));
        Assert.Null(host.EndPoint);
    }

    [Fact(Timeout = 60_000)]
    public async Task Client_WithAddressInConfiguration_CallsIt()
    {
        await using var host = await StartAsync(
            services => services.AddRpcClient<IGreeter>(), ("RpcNet:Clients:IGreeter:Address", _server.EndPoint!.ToString()));
        Assert.Equal("Hello you", await host.Services.GetRequiredService<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken));
    }

    [Fact(Timeout = 60_000)]
    public async Task Client_WithTheConfigurationOfItsServer_DoesNotListenAtItsAddress()
    {
        var log = new LogCollector();
        await using var host = await StartAsync(
            services => services
                .AddSingleton<ILoggerProvider>(log)
                .AddRpcClient<IGreeter>(o => o.Address = _server.EndPoint!.ToString()),
            ("RpcNet:Listen:Address", _server.EndPoint!.ToString()));
        Assert.Equal("Hello you", await host.Services.GetRequiredService<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken));
        Assert.Null(host.EndPoint);
        Assert.Contains($"does not listen at RpcNet:Listen:Address = '{_server.EndPoint}'", log.Entries.Single(static e => e.Id.Id == 2007).Text);
    }

    [Fact(Timeout = 60_000)]
    public async Task Client_OfAHostThatHasNotStarted_SaysSo()
    {
        var address = _server.EndPoint!.ToString();
        var builder = Host.CreateEmptyApplicationBuilder(settings: null);
        builder.Services.AddSingleton<ITransport>(_network.CreateTransport("early"));
        builder.Services.AddRpcClient<IGreeter>(o => o.Address = address);
        using var host = builder.Build();
        var e = await Assert.ThrowsAsync<RpcFaultException>(() => host.Services.GetRequiredService<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken).AsTask());
        Assert.Equal($"Cannot connect to {address}: RpcNet's certificates are not loaded yet: calls can be made once the host has started.", e.Message);
    }

    [Fact(Timeout = 60_000)]
    public async Task Clients_Named_AreResolvedByTheirKey()
    {
        await using var host = await StartAsync(services => services
            .AddRpcClient<IGreeter>("good", o => o.Address = _server.EndPoint!.ToString())
            .AddRpcClient<IGreeter>("bad", o => (o.Address, o.ConnectTimeout) = ("10.255.255.1:1", TimeSpan.FromMilliseconds(50))));
        Assert.Equal("Hello you", await host.Services.GetRequiredKeyedService<IGreeter>("good").GreetAsync("you", TestContext.Current.CancellationToken));
        var e = await Assert.ThrowsAsync<RpcFaultException>(() => host.Services.GetRequiredKeyedService<IGreeter>("bad").GreetAsync("you", TestContext.Current.CancellationToken).AsTask());
        Assert.Equal(RpcStatusCode.Unavailable, e.Status);
        Assert.Contains("10.255.255.1:1", e.Message);
    }

    [Fact(Timeout = 60_000)]
    public async Task Clients_OfOneServer_ShareAConnection()
    {
        await using var host = await StartAsync(services => services
            .AddRpcClient<IGreeter>("a", o => o.Address = _server.EndPoint!.ToString())
            .AddRpcClient<IGreeter>("b", o => o.Address = _server.EndPoint!.ToString()));
        await host.Services.GetRequiredKeyedService<IGreeter>("a").GreetAsync("you", TestContext.Current.CancellationToken);
        await host.Services.GetRequiredKeyedService<IGreeter>("b").GreetAsync("you", TestContext.Current.CancellationToken);
        Assert.Equal(1, _server.Services.GetRequiredService<RpcNet.Server.RpcServer>().Connections);
    }

    [Fact(Timeout = 60_000)]
    public async Task Filters_OfAClient_SeeItsCallsAlone()
    {
        var seen = new List<string>();
        await using var host = await StartAsync(services => services
            .AddRpcClient<IGreeter>("plain", o => o.Address = _server.EndPoint!.ToString())
            .AddRpcClient<IGreeter>("filtered", o =>
            {
                o.Address = _server.EndPoint!.ToString();
                o.AddFilter(new RpcInlineFilter((context, next) =>
                {
                    seen.Add(context.Method.FullName);
                    return next(context);
                }));
            }));
        await host.Services.GetRequiredKeyedService<IGreeter>("plain").GreetAsync("you", TestContext.Current.CancellationToken);
        Assert.Empty(seen);
        await host.Services.GetRequiredKeyedService<IGreeter>("filtered").GreetAsync("you", TestContext.Current.CancellationToken);
        Assert.Equal(["test.v1.Greeter/Greet"], seen);
    }

    [Fact(Timeout = 60_000)]
    public async Task Factory_Address_GivesAChannel()
    {
        await using var host = await StartAsync(services => services.AddRpcNet());
        var channels = host.Services.GetRequiredService<IRpcChannelFactory>();
        await using var channel = channels.Create(_server.EndPoint!.ToString());
        Assert.Equal("Hello you", await channel.CreateClient<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken));
        Assert.Throws<FormatException>(() => channels.Create("nowhere"));
        Assert.Contains("Connections", Assert.Throws<ArgumentException>(() => channels.Create("a:1", o => o.Connections = 0)).Message);
    }

    private Task<RpcTestHost> StartAsync(Action<IServiceCollection> configure, params (string Key, string Value)[] settings)
    {
        var options = new RpcTestHostOptions { Network = _network, Settings = { ["RpcNet:Listen:Address"] = "" } };
        foreach (var (key, value) in settings)
        {
            options.Settings[key] = value;
        }

        return RpcTestHost.StartAsync(builder => configure(builder.Services), options, TestContext.Current.CancellationToken);
    }
}
