using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using RpcNet.Client;
using RpcNet.Hosting.Tests.Support;
using RpcNet.Testing;
using RpcNet.Testing.InMemory;
using RpcNet.Transports;

namespace RpcNet.Hosting.Tests.Hosts;

/// <summary>RpcNet beside HTTP in a WebApplication: served, called from an endpoint, and its health shown over HTTP.</summary>
public sealed class WebApplicationTests
{
    [Fact(Timeout = 60_000)]
    public async Task WebApplication_ServesCallsAndShowsTheirHealthOverHttp()
    {
        var network = new InMemoryNetwork();
        var transport = network.CreateTransport("web");
        var address = $"{transport.Address}:61000";
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration["urls"] = "http://127.0.0.1:0";
        builder.Configuration["RpcNet:Listen:Address"] = address;
        builder.Configuration["RpcNet:Clients:IGreeter:Address"] = address;
        builder.Services.AddSingleton<ITransport>(transport);
        builder.Services.AddSingleton<IRpcCertificates, SharedCertificates>();
        builder.Services.AddScoped<CallScope>();
        builder.Services.AddRpcNet(builder.Configuration.GetSection("RpcNet")).AddService<IGreeter, Greeter>();
        builder.Services.AddRpcClient<IGreeter>();
        builder.Services.AddHealthChecks().AddRpcNet();
        await using var app = builder.Build();
        app.MapGet("/greet/{name}", async (string name, IGreeter greeter, CancellationToken token) => await greeter.GreetAsync(name, token));
        app.MapHealthChecks("/healthz/ready", new HealthCheckOptions
        {
            Predicate = static check => check.Tags.Contains(RpcNetHealthChecksBuilderExtensions.Tag),
            ResponseWriter = static (context, report) => context.Response.WriteAsync(string.Join('\n', report.Entries.Select(static e => $"{e.Key}: {e.Value.Status} {e.Value.Description}"))),
        });
        await app.StartAsync(TestContext.Current.CancellationToken);

        using var http = new HttpClient { BaseAddress = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()) };
        Assert.Equal("Hello you", await http.GetStringAsync("/greet/you", TestContext.Current.CancellationToken));
        Assert.Equal($"rpcnet-listener: Healthy listening on {address}", await http.GetStringAsync("/healthz/ready", TestContext.Current.CancellationToken));

        app.Services.GetRequiredService<RpcNetEndpoint>().Closed();
        using var unready = await http.GetAsync("/healthz/ready", TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.ServiceUnavailable, unready.StatusCode);
        await app.StopAsync(TestContext.Current.CancellationToken);
    }

    private sealed class SharedCertificates : IRpcCertificates
    {
        public TlsIdentity? ClientIdentity => null;

        public TlsIdentity? ClusterIdentity => null;

        public bool AllowAnonymousCluster => false;

        public string? ClusterTargetHost => null;

        public PeerCertificateValidator ValidateServer => static context => TestCertificates.Shared.Trust(context with { TargetHost = "localhost" });

        public PeerCertificateValidator? ValidateClient => null;

        public PeerCertificateValidator ValidateMember => TestCertificates.Shared.Trust;

        public TlsIdentity? GetServerIdentity(string? serverName) => TestCertificates.Shared.Server;

        public ValueTask LoadAsync(bool serves, bool member, CancellationToken cancellationToken) => default;
    }
}
