using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet;
using RpcNet.Cluster;

namespace RpcNetCluster1;

/// <summary>What each role consists of: called by Program, and by tests with RpcTestCluster.</summary>
internal static class Roles
{
    /// <exception cref="ArgumentException">The role is unknown.</exception>
    public static void Configure(HostApplicationBuilder builder)
    {
        var rpc = builder.Services.AddRpcNet(builder.Configuration.GetSection("RpcNet"));
        switch (builder.Configuration["role"])
        {
            case "director":
                rpc.AddCluster(o => o.Tags["role"] = "director").AddDirector();
                break;
            case "worker":
                rpc.AddService<IWork, Work>().AddCluster(o => o.Tags["role"] = "worker");
                break;
            case "client":
                builder.Services.AddRpcClient<IWork>(o => o.Cluster.Tags = "role=worker");
                builder.Services.AddHostedService<Caller>();
                break;
            case var role:
                throw new ArgumentException($"The role '{role}' is unknown: --role director, worker or client.");
        }
    }
}

/// <summary>The worker's service.</summary>
internal sealed class Work(IClusterMembership cluster) : IWork
{
    public ValueTask<Square> SquareAsync(int number, CancellationToken cancellationToken) =>
        new(new Square(number * number, cluster.Local.Name));
}

/// <summary>Calls whichever worker fits, once a second.</summary>
internal sealed class Caller(IWork work, TimeProvider time, ILogger<Caller> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var patient = work.WithCallOptions(new RpcCallOptions { WaitForReady = true });
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), time);
        for (var number = 1; await timer.WaitForNextTickAsync(stoppingToken); number++)
        {
            try
            {
                var square = await patient.SquareAsync(number, stoppingToken);
                logger.LogInformation("{Number}² = {Square}, says {Worker}", number, square.Value, square.Worker);
            }
            catch (RpcFaultException e)
            {
                logger.LogWarning("{Number}² failed: {Status}: {Message}", number, e.Status, e.Message);
            }
        }
    }
}
