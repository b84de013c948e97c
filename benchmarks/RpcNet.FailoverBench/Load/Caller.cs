using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Cluster;

namespace RpcNet.FailoverBench.Load;

/// <summary>The process that calls: a member of the cluster and its seed, set up as an application would be.</summary>
internal sealed class Caller : IAsyncDisposable
{
    private readonly IHost _host;
    private readonly StreamWriter _log;

    private Caller(IHost host, StreamWriter log)
    {
        _host = host;
        _log = log;
    }

    public IWork Work => _host.Services.GetRequiredService<IWork>();

    public WorkerRegistry Registry => _host.Services.GetRequiredService<WorkerRegistry>();

    public static async Task<Caller> StartAsync(Settings settings, string address)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { EnvironmentName = Environments.Development });
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["RpcNet:Listen:Address"] = address,
            ["RpcNet:Cluster:Tags:role"] = "caller",
            ["RpcNet:Cluster:Workers:Strategy"] = settings.Strategy,
            ["RpcNet:Certificates:DevelopmentDirectory"] = Path.Combine(settings.Out, "certs"),
            ["RpcNet:Clients:IWork:Cluster:Tags"] = "role=worker",
        });
        if (settings.Hedge is { } delay)
        {
            builder.Configuration["RpcNet:Clients:IWork:Cluster:HedgingDelay"] = TimeSpan.FromMilliseconds(delay).ToString("c", CultureInfo.InvariantCulture);
        }

        builder.Configuration.AddEnvironmentVariables();
        var log = new StreamWriter(Path.Combine(settings.Out, "caller.log"));
        builder.Logging.AddProvider(new FileLoggerProvider(log)).AddFilter("Microsoft", LogLevel.Warning);
        builder.Services.AddRpcNet(builder.Configuration.GetSection("RpcNet")).AddCluster();
        builder.Services.AddRpcClient<IWork>(static _ => { });
        var host = builder.Build();
        await host.StartAsync();
        return new Caller(host, log);
    }

    /// <summary>Waits until so many workers take calls.</summary>
    /// <exception cref="TimeoutException">They do not within a minute.</exception>
    public async Task WaitForWorkersAsync(int count)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (Registry.Workers.Count(static w => w.State == WorkerState.Ready) != count)
        {
            if (limit.IsCancellationRequested)
            {
                throw new TimeoutException($"{count} workers should be ready; there are {string.Join(", ", Registry.Workers)}.");
            }

            await Task.Delay(50);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
        await _log.DisposeAsync();
    }

    private sealed class FileLoggerProvider(StreamWriter log) : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => new FileLogger(log, categoryName);

        public void Dispose()
        {
        }
    }

    private sealed class FileLogger(StreamWriter log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel level, EventId id, TState state, Exception? exception, Func<TState, Exception?, string> format)
        {
            lock (log)
            {
                log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:HH:mm:ss.fff} {level} {category} {format(state, exception)}"));
            }
        }
    }
}
