using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Cluster;
using RpcNet.Hosting.Tests.Support;
using RpcNet.Testing;
using RpcNet.Testing.InMemory;
using RpcNet.Transports;

namespace RpcNet.Hosting.Tests.Hosts;

/// <summary>The order of start and stop, and what becomes of a host one of whose parts fails.</summary>
public sealed class LifecycleTests
{
    private readonly InMemoryNetwork _network = new();
    private readonly LogCollector _log = new();

    [Fact]
    public async Task Host_StartsInOrderAndStopsInReverse()
    {
        await using var director = await StartAsync(static _ => { });
        _log.Clear();
        await using var host = await StartAsync(
            builder =>
            {
                builder.Services.AddRpcNet("internal", o => o.Listen.Address = "127.0.0.1:7600").Map("a/b", static (bytes, _) => new(bytes));
                builder.Services.AddHostedService(p => new Probe(p, _log));
            },
            ("RpcNet:Cluster:Seeds:0", director.EndPoint!.ToString()));
        // 2000 engine, 2001 listening, 2022 joined, 3xxx the node; 91 and 92 are the application's own service.
        await Eventually.TrueAsync(() => _log.Has(2022), "the node has joined");
        Assert.Equal(["2000", "2001", "2001 7600", "91 listening, member"], Order(2000, 2001, 91));
        _log.Clear();
        await host.StopAsync(TestContext.Current.CancellationToken);
        Assert.Equal(["92 listening, member"], Order(92));
        var ids = _log.Entries.Select(static e => e.Id.Id).ToList();
        var left = ids.IndexOf(3020);
        Assert.Equal(2, ids.Count(static id => id == 2003));
        Assert.True(ids.IndexOf(2003) < ids.LastIndexOf(2005), "drained before closed");
        Assert.True(left >= 0 && left < ids.LastIndexOf(2005), "the node says good-bye before its port is closed");

        IEnumerable<string> Order(params int[] wanted) => _log.Entries.Where(e => wanted.Contains(e.Id.Id)).Select(static e => e.Id.Id switch
        {
            2000 => "2000",
            2001 => e.Text.Contains(":7600", StringComparison.Ordinal) ? "2001 7600" : "2001",
            var id => $"{id} {e.Text}",
        });
    }

    [Fact]
    public async Task Stop_IsBoundedByTheHostsShutdownTimeout()
    {
        var greeter = new GatedGreeter();
        await using var host = await RpcTestHost.StartAsync(
            builder =>
            {
                builder.Logging.AddProvider(_log);
                builder.Services.Configure<HostOptions>(static o => o.ShutdownTimeout = TimeSpan.FromMilliseconds(200));
                builder.Services.AddRpcNet().AddService<IGreeter>(greeter);
            },
            new RpcTestHostOptions { Network = _network, Settings = { ["RpcNet:Server:DrainTimeout"] = "01:00:00" } },
            TestContext.Current.CancellationToken);
        var call = host.CreateClient<IGreeter>().GreetAsync("you", TestContext.Current.CancellationToken).AsTask();
        await greeter.Entered.Task;
        await host.StopAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<RpcFaultException>(() => call);
        Assert.True(_log.Has(2004));
    }

    [Fact]
    public async Task Listener_Fails_StopsTheHostAndSaysWhy()
    {
        FailingTransport failing = null!;
        await using var host = await StartAsync(
            static _ => { },
            services => services.Replace(ServiceDescriptor.Singleton<ITransport>(failing = new FailingTransport(_network.CreateTransport("failing")))),
            ("RpcNet:Listen:Address", "127.0.0.1:7610"));
        var stopping = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        failing.Failure.SetException(new TransportException(TransportError.Internal, "the socket is gone"));
        await ExpectFailureAsync(stopping, 2002, "the socket is gone");
    }

    [Fact]
    public async Task Gossip_Fails_StopsTheHostAndSaysWhy()
    {
        var time = new BreakableTime();
        await using var host = await StartAsync(static _ => { }, services => services.Replace(ServiceDescriptor.Singleton<TimeProvider>(time)));
        var stopping = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        time.IsBroken = true;
        await ExpectFailureAsync(stopping, 2006, "the clock is broken");
    }

    private async Task ExpectFailureAsync(CancellationToken stopping, int eventId, string reason)
    {
        try
        {
            await Eventually.TrueAsync(() => stopping.IsCancellationRequested, "the host stops");
            var entry = _log.Entries.Single(e => e.Id.Id == eventId);
            Assert.Equal(LogLevel.Critical, entry.Level);
            Assert.Contains("so the host stops", entry.Text);
            Assert.Contains(reason, entry.Text);
            Assert.Equal(1, Environment.ExitCode);
        }
        finally
        {
            // What the failing host asks of its process is not meant for this one.
            Environment.ExitCode = 0;
        }
    }

    private Task<RpcTestHost> StartAsync(Action<HostApplicationBuilder> configure, params (string Key, string Value)[] settings) =>
        StartAsync(configure, static _ => { }, settings);

    private Task<RpcTestHost> StartAsync(
        Action<HostApplicationBuilder> configure, Action<IServiceCollection> replace, params (string Key, string Value)[] settings)
    {
        var options = new RpcTestHostOptions { Network = _network, ConfigureServices = replace };
        foreach (var (key, value) in settings)
        {
            options.Settings[key] = value;
        }

        return RpcTestHost.StartAsync(
            builder =>
            {
                builder.Logging.AddProvider(_log);
                builder.Logging.SetMinimumLevel(LogLevel.Debug);
                builder.Services.AddRpcNet().AddCluster();
                configure(builder);
            },
            options,
            TestContext.Current.CancellationToken);
    }

    /// <summary>An application's service, added last: all of RpcNet is there when it starts and when it stops.</summary>
    private sealed class Probe(IServiceProvider services, LogCollector log) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Note(91);

        public Task StopAsync(CancellationToken cancellationToken) => Note(92);

        private Task Note(int id)
        {
            var listens = services.GetRequiredService<IRpcNetEndpoint>().LocalEndPoint is not null && services.GetRequiredKeyedService<IRpcNetEndpoint>("internal").LocalEndPoint is not null;
            var member = services.GetRequiredService<IClusterMembership>().Members.Length > 0;
            log.Log(LogLevel.Information, id, $"{(listens ? "listening" : "not listening")}, {(member ? "member" : "no member")}", exception: null, static (text, _) => text);
            return Task.CompletedTask;
        }
    }

    private sealed class BreakableTime : TimeProvider
    {
        public bool IsBroken { get; set; }

        // The loop's own frame: what it calls may have been inlined.
        public override long GetTimestamp() =>
            IsBroken && Environment.StackTrace.Contains("ClusterNode.RunAsync", StringComparison.Ordinal) ? throw new InvalidOperationException("the clock is broken") : base.GetTimestamp();
    }

    private sealed class FailingTransport(ITransport inner) : ITransport
    {
        public string Name => inner.Name;

        public TaskCompletionSource<ITransportConnection> Failure { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async ValueTask<ITransportListener> ListenAsync(TransportListenerOptions options, CancellationToken cancellationToken) =>
            new FailingListener(await inner.ListenAsync(options, cancellationToken), Failure.Task);

        public ValueTask<ITransportConnection> ConnectAsync(TransportConnectOptions options, CancellationToken cancellationToken) => inner.ConnectAsync(options, cancellationToken);
    }

    private sealed class FailingListener(ITransportListener inner, Task<ITransportConnection> failure) : ITransportListener
    {
        public IPEndPoint LocalEndPoint => inner.LocalEndPoint;

        public async ValueTask<ITransportConnection> AcceptAsync(CancellationToken cancellationToken) => await failure.WaitAsync(cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
