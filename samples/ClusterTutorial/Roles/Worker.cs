using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet;
using RpcNet.Cluster;

namespace ClusterTutorial.Roles;

/// <summary>A worker: a member of the cluster, tagged so that the director finds it.</summary>
internal static class Worker
{
    public static void Configure(HostApplicationBuilder builder)
    {
        builder.Services.AddHostedService<WorkerStory>();
        builder.Services.AddSingleton<FinishedTasks>();
        builder.Services.AddRpcNet(builder.Configuration.GetSection("RpcNet"))
            .AddService<ICompute, ComputeService>()
            .AddCluster();
        builder.Services.AddHostedService<WorkerReady>();
        builder.Services.AddHostedService<ClusterEventLog>();
    }
}

/// <summary>Processes tasks: waits as long as real work would take, and echoes the data.</summary>
internal sealed class ComputeService(
    TutorialSettings settings, FinishedTasks finished, TimeProvider time, ILogger<ComputeService> logger) : ICompute
{
    public async ValueTask<ComputeResult> ProcessTaskAsync(string taskId, byte[] data, CancellationToken cancellationToken)
    {
        if (finished.TryGet(taskId, out var known))
        {
            return known;
        }

        logger.LogInformation("📋 [{Label}] Processing task: {TaskId}", settings.WorkerLabel, taskId);
        await Task.Delay(settings.WorkTime, time, cancellationToken);
        return finished.Add(new ComputeResult(taskId, data, settings.WorkerLabel));
    }
}

/// <summary>The last results of this worker, so that a task sent again is answered and not processed again.</summary>
internal sealed class FinishedTasks
{
    private const int Capacity = 1024;

    private readonly ConcurrentDictionary<string, ComputeResult> _results = new();
    private readonly ConcurrentQueue<string> _order = new();

    public bool TryGet(string taskId, out ComputeResult result) => _results.TryGetValue(taskId, out result!);

    public ComputeResult Add(ComputeResult result)
    {
        if (_results.TryAdd(result.TaskId, result))
        {
            _order.Enqueue(result.TaskId);
            while (_order.Count > Capacity && _order.TryDequeue(out var oldest))
            {
                _results.TryRemove(oldest, out _);
            }
        }

        return result;
    }
}

/// <summary>Tells the worker's part of the story before the host starts.</summary>
internal sealed class WorkerStory(TutorialSettings settings, ILogger<WorkerStory> logger) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        logger.LogInformation("👷 Starting Worker '{Label}' at {Address}", settings.WorkerLabel, settings.ListenAddress);
        logger.LogInformation("🔌 Binding server to {Address}...", settings.ListenAddress);
        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        logger.LogInformation("✅ Server bound successfully");
        logger.LogInformation("🌐 Enabling cluster, connecting to director at {Address}...", settings.DirectorAddress);
        return Task.CompletedTask;
    }

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>Tells when the director is found. A director that is down is waited for.</summary>
internal sealed class WorkerReady(
    TutorialSettings settings, IClusterMembership cluster, IHostApplicationLifetime lifetime, ILogger<WorkerReady> logger)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, lifetime.ApplicationStarted).ContinueWith(static _ => { }, CancellationToken.None);
        await cluster.WaitForAsync(members => members.Any(m => m.HasTag("role", "director")), stoppingToken);
        logger.LogInformation("✅ Cluster enabled, connected to director");
        logger.LogInformation("🏷️  Tagging worker with role=worker and label={Label}...", settings.WorkerLabel);
        logger.LogInformation("✅ Worker '{Label}' joined cluster with role=worker", settings.WorkerLabel);
        logger.LogInformation("🚀 Worker '{Label}' is running and ready to handle requests", settings.WorkerLabel);
    }
}
