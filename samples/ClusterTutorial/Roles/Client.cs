using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet;
using RpcNet.Client;
using RpcNet.Hosting;

namespace ClusterTutorial.Roles;

/// <summary>The client: no member of the cluster; it knows the director's address and nothing else.</summary>
internal static class Client
{
    public static void Configure(HostApplicationBuilder builder, TutorialSettings settings)
    {
        builder.Services.AddRpcNet(builder.Configuration.GetSection("RpcNet"));
        builder.Services.AddRpcClient<IDirector>(o => o.Address = settings.DirectorAddress);
        builder.Services.AddHostedService<TaskLoop>();
    }
}

/// <summary>Asks for a worker, sends it tasks until it fails, and asks again. No task is lost or done twice.</summary>
internal sealed class TaskLoop(
    TutorialSettings settings, IDirector director, IRpcChannelFactory channels, TimeProvider time, ILogger<TaskLoop> logger)
    : BackgroundService
{
    private static readonly TimeSpan BetweenTasks = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan BetweenRequests = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan TaskTimeout = TimeSpan.FromSeconds(30);

    private int _issued;
    private string? _unfinished;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        logger.LogInformation("📡 Starting Client - connecting to director at {Address}", settings.DirectorAddress);
        string? failedWorker = null;
        var connected = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            if (connected)
            {
                logger.LogInformation("🔍 Asking director for worker assignment");
            }

            WorkerAssignment worker;
            try
            {
                worker = await director.WithTimeout(RequestTimeout).GetWorkerAsync(failedWorker, stoppingToken);
            }
            catch (RpcFaultException e)
            {
                logger.LogWarning("❌ Failed to get worker: {Status}: {Message}", e.Status, e.Message);

                // A worker that failed and is the only one left may have recovered.
                failedWorker = null;
                await Task.Delay(BetweenRequests, time, stoppingToken);
                continue;
            }

            if (!connected)
            {
                connected = true;
                logger.LogInformation("✅ Connected to director");
            }

            logger.LogInformation("🔀 Director assigned worker at {Address}", worker.Address);
            failedWorker = await WorkAsync(worker.Address, stoppingToken) ? null : worker.Address;
        }
    }

    /// <summary>Sends tasks until the worker fails; false then.</summary>
    private async Task<bool> WorkAsync(string address, CancellationToken stoppingToken)
    {
        logger.LogInformation("✅ Establishing direct connection to worker");
        await using var channel = channels.Create(address);
        try
        {
            await channel.ConnectAsync(cancellationToken: stoppingToken);
            logger.LogInformation("✅ Direct connection established");
            var worker = channel.CreateClient<ICompute>();
            while (!stoppingToken.IsCancellationRequested)
            {
                await SendAsync(worker, stoppingToken);
                await Task.Delay(BetweenTasks, time, stoppingToken);
            }
        }
        catch (RpcFaultException e)
        {
            logger.LogWarning("⚠️  Worker failed: {Status}: {Message} - returning to director", e.Status, e.Message);
            return false;
        }

        return true;
    }

    /// <summary>Sends the next task, or once more, under its own id, the one that a failure interrupted.</summary>
    private async Task SendAsync(ICompute worker, CancellationToken stoppingToken)
    {
        if (_unfinished is null)
        {
            _unfinished = $"task-{++_issued}";
            logger.LogInformation("📤 Sending task: {TaskId}", _unfinished);
        }
        else
        {
            logger.LogInformation("📤 Sending task again: {TaskId}", _unfinished);
        }

        var result = await worker.WithTimeout(TaskTimeout)
            .ProcessTaskAsync(_unfinished, Encoding.UTF8.GetBytes($"data-{_issued}"), stoppingToken);
        logger.LogInformation("✅ Task {TaskId} completed by worker: {Label}", result.TaskId, result.WorkerLabel);
        _unfinished = null;
    }
}
