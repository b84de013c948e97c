using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Cluster;
using RpcNet.Hosting;
using RpcNet.Transports;

namespace RpcNet.ClusterNode;

/// <summary>One host that is a member; prints what it observes as "ID WHAT ...".</summary>
internal sealed class Member : IAsyncDisposable
{
    private readonly string _id;
    private readonly IHost _host;
    private readonly CancellationTokenSource _stop = new();
    private Task _printing = Task.CompletedTask;

    public Member(string id, string listen, string[] seeds)
    {
        _id = id;
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { EnvironmentName = Environments.Development });
        builder.Configuration.AddEnvironmentVariables();
        builder.Configuration["RpcNet:Listen:Address"] = listen;
        builder.Configuration["RpcNet:Cluster:NodeId"] = id;
        for (var i = 0; i < seeds.Length; i++)
        {
            builder.Configuration[$"RpcNet:Cluster:Seeds:{i}"] = seeds[i];
        }

        builder.Logging.AddProvider(new PrintingLoggerProvider(id));
        if (Environment.GetEnvironmentVariable("RPCNET_NODE_NEEDS_POOL") == "1")
        {
            builder.Services.AddSingleton<ITransport>(static p => new PoolBoundTransport(p.GetRequiredService<IRpcTransportFactory>().Create(RpcTransportEngine.Auto)));
        }

        builder.Services.AddRpcNet(builder.Configuration.GetSection("RpcNet")).AddService<ISink, Sink>().AddCluster();
        _host = builder.Build();
    }

    public IClusterMembership Cluster => _host.Services.GetRequiredService<IClusterMembership>();

    public async Task StartAsync()
    {
        await _host.StartAsync();
        _printing = PrintAsync();
        Output.Write($"{_id} ready {Cluster.Local.Generation}");
    }

    public Task StopAsync() => _host.StopAsync();

    /// <summary>Keeps an RPC connection full in both senses: large messages, several at a time.</summary>
    public async Task FloodAsync(string address, TimeSpan time)
    {
        await using var channel = _host.Services.GetRequiredService<IRpcChannelFactory>().Create(address);
        var sink = channel.CreateClient<ISink>();
        var data = new byte[1 << 20];
        var end = Output.Elapsed + time;
        long sent = 0;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(async _ =>
        {
            while (Output.Elapsed < end)
            {
                Interlocked.Add(ref sent, await sink.PutAsync(data));
            }
        }));
        Output.Write($"{_id} flooded {sent >> 20} MiB");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _printing;
        await ((IAsyncDisposable)_host).DisposeAsync();
    }

    private async Task PrintAsync()
    {
        try
        {
            await foreach (var e in Cluster.SubscribeAsync(_stop.Token))
            {
                Output.Write($"{_id} {Describe(e)}");
                Output.Write($"{_id} view {string.Join(',', Cluster.Members.Select(static m => m.Id.Value))}");
            }
        }
        catch (OperationCanceledException)
        {
            // The end.
        }
    }

    private static string Describe(ClusterEvent e) => e switch
    {
        NodeJoined j => $"joined {j.Member.Id} {j.Member.Generation}",
        NodeLeft l => $"left {l.Member.Id} {l.Member.Generation}",
        NodeFailed f => $"failed {f.Member.Id} {f.Member.Generation}",
        NodeSuspect s => $"suspect {s.Member.Id} by {s.Accuser}",
        NodeRecovered r => $"recovered {r.Member.Id}",
        PartitionDetected p => $"partitioned reachable={p.Reachable.Length} unreachable={p.Unreachable.Length} quorum={p.HasQuorum}",
        PartitionHealed => "healed",
        _ => e.GetType().Name,
    };

    /// <summary>Warnings and errors, which say what the events do not.</summary>
    private sealed class PrintingLoggerProvider(string id) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                Output.Write($"{id} log {eventId.Id} {formatter(state, exception)}");
            }
        }

        public void Dispose()
        {
        }
    }
}
