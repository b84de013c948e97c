using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using RpcNet.Cluster;
using RpcNet.Hosting.Tests.Support;
using RpcNet.Testing;
using RpcNet.Testing.InMemory;
using RpcNet.Transports;

namespace RpcNet.Hosting.Tests.Hosts;

public sealed class ClusterTests
{
    private readonly InMemoryNetwork _network = new();
    private readonly LogCollector _log = new();

    [Fact(Timeout = 60_000)]
    public async Task Members_SeeEachOtherAndTheWorker_AndALeaveIsNoFailure()
    {
        // A suspicion takes four probe intervals at least, longer than the test may: a thread pool that other tests keep busy fails
        // nobody here.
        (string, string) patience = ("RpcNet:Cluster:ProbeInterval", "00:00:15");
        (string, string) goodbye = ("RpcNet:Cluster:LeaveTimeout", "00:00:30");
        await using var director = await StartAsync("director", patience);
        var membership = director.Services.GetRequiredService<IClusterMembership>();
        await using var worker = await StartAsync("worker", ("RpcNet:Cluster:Seeds:0", director.EndPoint!.ToString()), patience, goodbye);
        await membership.WaitForAsync(members => members.Length == 2, TestContext.Current.CancellationToken);

        // A worker that knows nobody yet has nobody to say good-bye to.
        await worker.Services.GetRequiredService<IClusterMembership>().WaitForAsync(members => members.Length == 2, TestContext.Current.CancellationToken);
        var registry = director.Services.GetRequiredService<WorkerRegistry>();
        await Eventually.TrueAsync(() => registry.Workers is [{ Label: "worker", State: WorkerState.Ready }], "the worker is in the registry");
        var health = director.Services.GetRequiredService<HealthCheckService>();
        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync(TestContext.Current.CancellationToken)).Status);

        var ends = new List<ClusterEvent>();
        await using var events = membership.SubscribeAsync(TestContext.Current.CancellationToken).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        await events.MoveNextAsync();
        await worker.StopAsync(TestContext.Current.CancellationToken);
        while (ends.Count == 0 && await events.MoveNextAsync())
        {
            if (events.Current is NodeLeft or NodeFailed)
            {
                ends.Add(events.Current);
            }
        }

        Assert.Equal("worker", Assert.IsType<NodeLeft>(Assert.Single(ends)).Member.Name);
        await Eventually.TrueAsync(() => registry.Workers.IsEmpty, "the worker is out of the registry");
        Assert.Equal(HealthStatus.Degraded, (await health.CheckHealthAsync(TestContext.Current.CancellationToken)).Status);
    }

    [Fact(Timeout = 60_000)]
    public async Task Seed_Down_StopsNothingAndIsJoinedWhenItComes()
    {
        await using var worker = await StartAsync("worker", ("RpcNet:Cluster:Seeds:0", "127.0.0.1:7100"));
        var health = worker.Services.GetRequiredService<HealthCheckService>();
        var report = await health.CheckHealthAsync(TestContext.Current.CancellationToken);
        Assert.Equal(HealthStatus.Unhealthy, report.Entries["rpcnet-cluster"].Status);
        Assert.Equal(HealthStatus.Healthy, report.Entries["rpcnet-listener"].Status);

        await using var director = await StartAsync("director", ("RpcNet:Listen:Address", "127.0.0.1:7100"));
        await worker.Services.GetRequiredService<IClusterMembership>().WaitForAsync(members => members.Length == 2, TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => _log.Has(2022), "the join is logged");
        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync(TestContext.Current.CancellationToken)).Entries["rpcnet-cluster"].Status);
    }

    [Fact(Timeout = 60_000)]
    public async Task Stranger_WithoutACertificate_IsClosedAsUnauthorized()
    {
        await using var director = await StartAsync("director");
        await using var connection = await ConnectAsync(director, identity: null);
        var closed = await connection.Closed.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(TransportError.ConnectionAborted, closed.Error);
        Assert.Equal(7, closed.ApplicationErrorCode);
        Assert.True(_log.Has(2021));
    }

    [Fact(Timeout = 60_000)]
    public async Task Stranger_OfAnotherAuthorityThatCallsAreOpenTo_IsClosedAsUnauthorized()
    {
        // A client of the calls may be trusted without being a member: each is judged by its own authority.
        await using var director = await RpcTestHost.StartAsync(
            Configure("director"),
            new RpcTestHostOptions
            {
                Network = _network,
                ConfigureServices = static services => services.AddSingleton<IRpcCertificates>(new OpenCalls()),
            },
            TestContext.Current.CancellationToken);
        await using var connection = await ConnectAsync(director, TestCertificates.Shared.UntrustedClient);
        Assert.Equal(7, (await connection.Closed.WaitAsync(TestContext.Current.CancellationToken)).ApplicationErrorCode);
    }

    [Fact]
    public async Task NodeId_NotConfigured_IsTheSameAfterARestart()
    {
        NodeId first;
        await using (var director = await StartAsync("director", ("RpcNet:Listen:Address", "127.0.0.1:7200")))
        {
            first = director.Services.GetRequiredService<IClusterMembership>().Local.Id;
        }

        await using var again = await StartAsync("director", ("RpcNet:Listen:Address", "127.0.0.1:7200"));
        Assert.Equal(first, again.Services.GetRequiredService<IClusterMembership>().Local.Id);
        Assert.EndsWith(":7200", first.Value);
    }

    [Fact]
    public async Task Listen_OnAllAddresses_NeedsAnAddressToAdvertise()
    {
        var e = await Assert.ThrowsAsync<RpcNetStartupException>(() => StartAsync("director", ("RpcNet:Listen:Address", "0.0.0.0:7300")));
        Assert.StartsWith("RpcNet:Cluster:AdvertiseAddress = '': must be \"ip:port\"", e.Message);
    }

    [Fact(Timeout = 60_000)]
    public async Task Client_WithTags_CallsTheWorkersThatFit()
    {
        await using var director = await RpcTestHost.StartAsync(
            builder =>
            {
                Configure("director")(builder);
                builder.Services.AddRpcClient<IGreeter>(o => o.Cluster.Tags = "role=worker");
            },
            new RpcTestHostOptions { Network = _network },
            TestContext.Current.CancellationToken);
        await using var worker = await StartWorkerAsync(director);
        var registry = director.Services.GetRequiredService<WorkerRegistry>();
        await Eventually.TrueAsync(() => registry.Workers is [{ State: WorkerState.Ready }], "the worker is in the registry");
        Assert.Equal("Hello you", await director.Services.GetRequiredService<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken));
    }

    [Fact(Timeout = 60_000)]
    public async Task Client_WithTagsAndSettingsOfItsOwn_UsesThem()
    {
        var seen = new List<string>();
        await using var director = await RpcTestHost.StartAsync(
            builder =>
            {
                Configure("director")(builder);
                builder.Services.AddRpcClient<IGreeter>("plain", o => o.Cluster.Tags = "role=worker");
                builder.Services.AddRpcClient<IGreeter>("own", o =>
                {
                    o.Cluster.Tags = "role=worker";
                    o.Connections = 2;
                    o.AddFilter(new RpcInlineFilter((context, next) =>
                    {
                        seen.Add(context.Method.FullName);
                        return next(context);
                    }));
                });
            },
            new RpcTestHostOptions { Network = _network },
            TestContext.Current.CancellationToken);
        await using var worker = await StartWorkerAsync(director);
        var registry = director.Services.GetRequiredService<WorkerRegistry>();
        await Eventually.TrueAsync(() => registry.Workers is [{ State: WorkerState.Ready }], "the worker is in the registry");
        var server = worker.Services.GetRequiredService<RpcNet.Server.RpcServer>();
        await director.Services.GetRequiredKeyedService<IGreeter>("plain").GreetAsync("you", TestContext.Current.CancellationToken);
        Assert.Empty(seen);
        await Eventually.TrueAsync(() => server.Connections == 2, "the registries of both members are connected");

        var own = director.Services.GetRequiredKeyedService<IGreeter>("own");
        await Eventually.TrueAsync(
            () =>
            {
                Assert.Equal("Hello you", own.GreetAsync("you", TestContext.Current.CancellationToken).AsTask().GetAwaiter().GetResult());
                return server.Connections == 4;
            },
            "the client has two connections beside the registries'");
        Assert.Equal(["test.v1.Greeter/Greet"], seen.Distinct());

        await worker.StopAsync(TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => registry.Workers.IsEmpty, "the worker is out of the registry");
        var e = await Assert.ThrowsAsync<RpcFaultException>(() => own.GreetAsync("you", TestContext.Current.CancellationToken).AsTask());
        Assert.Equal(RpcStatusCode.Unavailable, e.Status);
    }

    [Fact(Timeout = 60_000)]
    public async Task Client_WithTagsAndATargetHostOfItsOwn_DemandsThatName()
    {
        await using var director = await RpcTestHost.StartAsync(
            builder =>
            {
                Configure("director")(builder);
                builder.Services.AddRpcClient<IGreeter>(o => (o.Cluster.Tags, o.TargetHost) = ("role=worker", "another.test"));
            },
            new RpcTestHostOptions
            {
                Network = _network,
                ConfigureServices = static services => services.AddSingleton<IRpcCertificates>(new OpenCalls()),
            },
            TestContext.Current.CancellationToken);
        await using var worker = await StartWorkerAsync(director);
        var registry = director.Services.GetRequiredService<WorkerRegistry>();
        await Eventually.TrueAsync(() => registry.Workers is [{ State: WorkerState.Ready }], "the worker is in the registry");
        var e = await Assert.ThrowsAsync<RpcFaultException>(
            () => director.Services.GetRequiredService<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken).AsTask());
        Assert.Contains("another.test", e.Message);
    }

    [Fact(Timeout = 60_000)]
    public async Task Client_WithADirectorAndAFilter_SeesItsOwnCallsAlone()
    {
        var seen = new List<string>();
        await using var director = await RpcTestHost.StartAsync(
            builder =>
            {
                Configure("director")(builder);
                builder.Services.AddRpcNet().AddDirector();
            },
            new RpcTestHostOptions { Network = _network },
            TestContext.Current.CancellationToken);
        await using var worker = await StartWorkerAsync(director);
        await using var client = await RpcTestHost.StartAsync(
            builder => builder.Services.AddRpcClient<IGreeter>(o =>
            {
                o.Director = director.EndPoint!.ToString();
                o.Cluster.Tags = "role=worker";
                o.AddFilter(new RpcInlineFilter((context, next) =>
                {
                    seen.Add(context.Method.FullName);
                    return next(context);
                }));
            }),
            new RpcTestHostOptions { Network = _network, Settings = { ["RpcNet:Listen:Address"] = "" } },
            TestContext.Current.CancellationToken);
        var greeter = client.Services.GetRequiredService<IGreeter>().WithCallOptions(new RpcCallOptions { WaitForReady = true });
        Assert.Equal("Hello you", await greeter.GreetAsync("you", TestContext.Current.CancellationToken));
        Assert.Equal(["test.v1.Greeter/Greet"], seen);
    }

    [Fact(Timeout = 60_000)]
    public async Task Client_WithADirector_CallsTheWorkersThatItNames()
    {
        await using var director = await RpcTestHost.StartAsync(
            builder =>
            {
                Configure("director")(builder);
                builder.Services.AddRpcNet().AddDirector();
            },
            new RpcTestHostOptions { Network = _network },
            TestContext.Current.CancellationToken);
        await using var worker = await StartWorkerAsync(director);
        await using var client = await RpcTestHost.StartAsync(
            builder => builder.Services.AddRpcClient<IGreeter>(o => o.Cluster.Tags = "role=worker"),
            new RpcTestHostOptions
            {
                Network = _network,
                Settings = { ["RpcNet:Listen:Address"] = "", ["RpcNet:Director"] = director.EndPoint!.ToString() },
            },
            TestContext.Current.CancellationToken);
        var greeter = client.Services.GetRequiredService<IGreeter>().WithCallOptions(new RpcCallOptions { WaitForReady = true });
        Assert.Equal("Hello you", await greeter.GreetAsync("you", TestContext.Current.CancellationToken));
    }

    private Task<RpcTestHost> StartWorkerAsync(RpcTestHost director) => RpcTestHost.StartAsync(
        builder =>
        {
            Configure("worker")(builder);
            builder.Services.AddScoped<CallScope>();
            builder.Services.AddRpcNet().AddService<IGreeter, Greeter>();
        },
        new RpcTestHostOptions { Network = _network, Settings = { ["RpcNet:Cluster:Seeds:0"] = director.EndPoint!.ToString() } },
        TestContext.Current.CancellationToken);

    [Fact(Timeout = 60_000)]
    public async Task Balancer_InTheContainer_TakesThePlaceOfTheStrategy()
    {
        var balancer = new LastBalancer();
        await using var director = await RpcTestHost.StartAsync(
            builder =>
            {
                Configure("director")(builder);
                builder.Services.AddSingleton<ILoadBalancer>(balancer);
            },
            new RpcTestHostOptions { Network = _network },
            TestContext.Current.CancellationToken);
        await using var worker = await StartAsync("worker", ("RpcNet:Cluster:Seeds:0", director.EndPoint!.ToString()));
        var registry = director.Services.GetRequiredService<WorkerRegistry>();
        await Eventually.TrueAsync(() => registry.Workers is [{ State: WorkerState.Ready }], "the worker is in the registry");

        registry.Select("role=worker").Dispose();

        Assert.Equal(1, balancer.Asked);
    }

    private Action<Microsoft.Extensions.Hosting.HostApplicationBuilder> Configure(string role) => builder =>
    {
        builder.Logging.AddProvider(_log);
        builder.Services.AddRpcNet().AddCluster(o =>
        {
            o.Tags["role"] = role;
            o.Tags["label"] = role;
        });
        builder.Services.AddHealthChecks().AddRpcNet();
    };

    private Task<RpcTestHost> StartAsync(string role, params (string Key, string Value)[] settings)
    {
        var options = new RpcTestHostOptions { Network = _network };
        foreach (var (key, value) in settings)
        {
            options.Settings[key] = value;
        }

        return RpcTestHost.StartAsync(Configure(role), options, TestContext.Current.CancellationToken);
    }

    private ValueTask<ITransportConnection> ConnectAsync(RpcTestHost host, TlsIdentity? identity) =>
        _network.CreateTransport($"stranger-{Guid.NewGuid():N}").ConnectAsync(
            new TransportConnectOptions
            {
                EndPoint = host.EndPoint!,
                ApplicationProtocols = [ClusterProtocol.Alpn],
                Tls = new TlsClientOptions { TargetHost = "localhost", ValidateServer = TestCertificates.Shared.Trust, SelectIdentity = () => identity },
            },
            TestContext.Current.CancellationToken);

    private sealed class LastBalancer : ILoadBalancer
    {
        private int _asked;

        public int Asked => Volatile.Read(ref _asked);

        public int Select(WorkerSet candidates, in SelectionRequest request)
        {
            Interlocked.Increment(ref _asked);
            return candidates.Count - 1;
        }
    }

    private sealed class OpenCalls : IRpcCertificates
    {
        public TlsIdentity? ClientIdentity => null;

        public TlsIdentity? ClusterIdentity => TestCertificates.Shared.Client;

        public bool AllowAnonymousCluster => false;

        public string? ClusterTargetHost => "localhost";

        public PeerCertificateValidator ValidateServer => TestCertificates.Shared.Trust;

        public PeerCertificateValidator? ValidateClient => static _ => null;

        public PeerCertificateValidator ValidateMember => TestCertificates.Shared.Trust;

        public TlsIdentity? GetServerIdentity(string? serverName) => TestCertificates.Shared.Server;

        public ValueTask LoadAsync(bool serves, bool member, CancellationToken cancellationToken) => default;
    }
}
