using ClusterTutorial;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Testing.Tests.Support;

namespace RpcNet.Testing.Tests.Cluster;

/// <summary>The tutorial's story, with the sample's own roles, in virtual time. docs/testing.md shows this code.</summary>
public sealed class TutorialFailoverTests
{
    [Fact]
    public Task Client_ItsWorkerIsKilled_GoesOnWithTheOther() => PlayAsync();

    /// <summary>The same again and again while two threads keep the machine busy: what the cluster sees must not depend on it.</summary>
    [Fact]
    public async Task Story_PlayedOftenOnABusyMachine_IsTheSameEachTime()
    {
        using var load = new BusyThreads(2);
        var runs = Environment.GetEnvironmentVariable("RPCNET_TESTS") == "all" ? 500 : 10;
        for (var run = 0; run < runs; run++)
        {
            await PlayAsync();
        }
    }

    // snippet: failover
    private static async Task PlayAsync()
    {
        var log = new LogLines();
        await using var cluster = new RpcTestCluster();
        cluster.Add("director", Role("director", log));
        cluster.Add("worker-a", Role("worker", log));
        cluster.Add("worker-b", Role("worker", log));
        cluster.Add("client", Role("client", log), new RpcTestNodeOptions
        {
            Settings = { ["RpcNet:Director"] = "director:61000" },
        });
        await cluster.StartAsync();

        // The first task is done: by whom?
        await cluster.AdvanceUntilAsync(() => log.Has("Task task-1 completed"), TimeSpan.FromSeconds(10));
        var (first, second) = log.Has("completed by worker: worker-a") ? ("worker-a", "worker-b") : ("worker-b", "worker-a");

        // SIGKILL: the client works again within three seconds, and the director hears of it within eight.
        await cluster.KillAsync(first);
        await cluster.AdvanceUntilAsync(() => log.Has($"completed by worker: {second}"), TimeSpan.FromSeconds(3));
        await cluster.AdvanceUntilAsync(() => log.Has($"Node {first} failed"), TimeSpan.FromSeconds(5));

        // Restarted, it joins again, and takes over when the other one leaves.
        await cluster.StartAsync(first);
        await cluster.AdvanceUntilAsync(() => log.Last("Worker pool status").Contains("2 workers"), TimeSpan.FromSeconds(5));
        var before = log.Count($"completed by worker: {first}");
        await cluster.StopAsync(second);
        await cluster.AdvanceUntilAsync(() => log.Count($"completed by worker: {first}") > before, TimeSpan.FromSeconds(5));

        // No task was lost, none was done twice.
        var done = log.Count("completed by worker: ");
        Assert.Equal(Enumerable.Range(1, done), log.Numbers(@"Task task-(\d+) completed"));
    }

    private static Action<HostApplicationBuilder> Role(string role, LogLines log) => builder =>
    {
        builder.Configuration["Role"] = role;
        builder.Configuration["RpcNet:Cluster:Tags:label"] = builder.Environment.ApplicationName;
        builder.Logging.AddProvider(log);
        TutorialApplication.Configure(builder);
    };

    // end snippet
}
