using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet;
using RpcNet.Cluster;

namespace ClusterTutorial.Roles;

/// <summary>The director: a member of the cluster that assigns workers to clients.</summary>
internal static class Director
{
    public static void Configure(HostApplicationBuilder builder)
    {
        builder.Services.AddHostedService<DirectorStory>();
        builder.Services.AddRpcNet(builder.Configuration.GetSection("RpcNet"))
            .AddService<IDirector, DirectorService>()
            .AddCluster();
        builder.Services.AddHostedService<ClusterEventLog>();
        builder.Services.AddHostedService<WorkerPoolMonitor>();
    }
}

/// <summary>Answers clients that ask for a worker.</summary>
internal sealed class DirectorService(WorkerRegistry registry, ILogger<DirectorService> logger) : IDirector
{
    public ValueTask<WorkerAssignment> GetWorkerAsync(string? failedWorker, CancellationToken cancellationToken)
    {
        if (failedWorker is null)
        {
            logger.LogInformation("📨 Client requesting worker assignment");
        }
        else
        {
            logger.LogInformation("📨 Client requesting worker assignment; {FailedWorker} failed it", failedWorker);
        }

        var failed = IPEndPoint.TryParse(failedWorker ?? "", out var address) ? registry.FindByAddress(address) : null;

        // With nobody left the registry answers Unavailable, and says what it looked for.
        var assignment = failed is null ? registry.Select("role=worker") : registry.Select("role=worker", failed);
        var worker = assignment.Worker;

        // The client makes the calls: the assignment counts until the worker's own report would show them.
        assignment.HandOver();
        logger.LogInformation("✅ Assigned worker: {Label} at {Address}", worker.Label, worker.Address);
        return new(new WorkerAssignment(worker.Label, worker.Address.ToString()));
    }
}

/// <summary>Tells the director's part of the story around the start of the host.</summary>
internal sealed class DirectorStory(TutorialSettings settings, ILogger<DirectorStory> logger) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken)
    {
        logger.LogInformation("🎯 Starting Director at {Address}", settings.ListenAddress);
        logger.LogInformation("📁 Loading certificates from certs/");
        return Task.CompletedTask;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        logger.LogInformation("✅ Director registered itself in cluster");
        logger.LogInformation("✅ Cluster enabled - Director is now discoverable");
        logger.LogInformation("🔄 Load balancing strategy: LeastConnections");
        logger.LogInformation("🚀 Director ready - listening on {Address}", settings.ListenAddress);
        return Task.CompletedTask;
    }

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>Prints the pool of workers every ten seconds, and whenever it changes.</summary>
internal sealed class WorkerPoolMonitor(WorkerRegistry registry, TimeProvider time, ILogger<WorkerPoolMonitor> logger)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Check = TimeSpan.FromMilliseconds(200);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var printed = "";
        var printedAt = time.GetTimestamp();
        using var timer = new PeriodicTimer(Check, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            var workers = registry.WorkersWithTags("role=worker").Where(w => w.State == WorkerState.Ready).OrderBy(w => w.Label).ToList();
            var names = string.Join(',', workers.Select(w => $"{w.Label}@{w.Address}"));
            if (names == printed && time.GetElapsedTime(printedAt) < Interval)
            {
                continue;
            }

            printed = names;
            printedAt = time.GetTimestamp();
            logger.LogInformation("📊 Worker pool status: {Count} workers available", workers.Count);
            foreach (var worker in workers)
            {
                logger.LogInformation(
                    "   - {Label} at {Address} ({Connections} connections)", worker.Label, worker.Address, worker.ActiveConnections);
            }
        }
    }
}
