using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Cluster;
using RpcNet.Hosting;
using RpcNet.Testing.InMemory;
using RpcNet.Testing.Tests.Support;

namespace RpcNet.Testing.Tests.Cluster;

public sealed class FaultsTests
{
    private static readonly string[] Names = ["a", "b", "c"];
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);

    private readonly LogLines _log = new();

    [Fact]
    public async Task Call_TakesItsTimeOfTheClusterAlone()
    {
        await using var cluster = await StartAsync();
        var echo = cluster["a"].CreateClient<IEcho>();
        Assert.Equal(TimeSpan.FromSeconds(1), await cluster.AdvanceUntilAsync(echo.EchoAsync("x").AsTask(), Soon));
        var sum = cluster.RunAsync(async () =>
        {
            var total = 0;
            await foreach (var i in echo.CountAsync(3))
            {
                total += i;
            }

            return total;
        });
        Assert.Equal(TimeSpan.FromSeconds(3), await cluster.AdvanceUntilAsync(sum, Soon));
        Assert.Equal(6, await sum);
    }

    [Fact]
    public async Task Call_OverASlowLink_TakesTheLinksTimeToo()
    {
        await using var cluster = await StartAsync(new LinkConditions { Latency = TimeSpan.FromMilliseconds(50) });
        var echo = cluster["a"].CreateClient<IEcho>();
        await cluster.AdvanceUntilAsync(echo.EchoAsync("connects").AsTask(), Soon);
        Assert.Equal(TimeSpan.FromSeconds(1.1), await cluster.AdvanceUntilAsync(echo.EchoAsync("x").AsTask(), Soon));
    }

    [Fact]
    public async Task Killed_NothingOfItRunsAnyMore_AndItsPlaceIsFree()
    {
        await using var cluster = await StartAsync();
        var ticks = 0;
        await using var ticking = cluster["b"].Services.GetRequiredService<TimeProvider>().CreateTimer(
            _ => ticks++, null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        await cluster.AdvanceAsync(TimeSpan.FromSeconds(2));
        Assert.Equal(2, ticks);

        var call = cluster["b"].CreateClient<IEcho>().EchoAsync("x").AsTask();
        await cluster.AdvanceAsync(TimeSpan.FromSeconds(0.5));
        var lines = _log.Count("");
        await cluster.KillAsync("b");
        Assert.False(cluster["b"].IsRunning);
        Assert.Equal(lines, _log.Count(""));
        Assert.Throws<InvalidOperationException>(() => cluster["b"].Services);

        // Nobody says good-bye: the others have to find out, and so has the caller.
        await cluster.AdvanceUntilAsync(() => Members(cluster, "a").Length == 2, Soon);
        Assert.Equal(2, ticks);
        await cluster.AdvanceUntilAsync(() => call.IsCompleted, TimeSpan.FromMinutes(2));
        Assert.Equal(RpcStatusCode.Unavailable, (await Assert.ThrowsAsync<RpcFaultException>(() => call)).Status);

        await cluster.StartAsync("b");
        await cluster.AdvanceUntilAsync(() => Members(cluster, "a").Length == 3, Soon);
        Assert.Equal("x", await CallAsync(cluster, "b"));
    }

    [Fact]
    public async Task Paused_StandsStill_AndGoesOnWhereItWas()
    {
        await using var cluster = await StartAsync();
        var call = cluster["b"].CreateClient<IEcho>().EchoAsync("x").AsTask();
        await cluster.AdvanceAsync(TimeSpan.FromSeconds(0.5));
        await cluster.PauseAsync("b");

        // Past the end of its work, and before its client takes the connection for dead.
        await cluster.AdvanceAsync(TimeSpan.FromSeconds(0.9));
        Assert.False(call.IsCompleted);

        await cluster.ResumeAsync("b");
        await cluster.AdvanceUntilAsync(call, TimeSpan.Zero);
        await cluster.AdvanceUntilAsync(() => Names.All(n => Members(cluster, n).Length == 3), Soon);
    }

    [Fact]
    public async Task Partitioned_EachSideLosesTheOther_AndHealedTheyMeetAgain()
    {
        await using var cluster = await StartAsync();
        await cluster.PartitionAsync(["a"], ["b", "c"]);
        await cluster.AdvanceUntilAsync(() => Members(cluster, "a").Length == 1 && Members(cluster, "b").Length == 2, TimeSpan.FromMinutes(1));

        // A node that is started meanwhile is on its side of the partition.
        await cluster.KillAsync("c");
        await cluster.StartAsync("c");
        await cluster.AdvanceAsync(Soon);
        Assert.Equal(["a"], Members(cluster, "a"));

        await cluster.HealAsync();
        await cluster.AdvanceUntilAsync(() => Names.All(n => Members(cluster, n).Length == 3), TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task Stopped_SaysGoodBye()
    {
        await using var cluster = await StartAsync();
        await cluster.StopAsync("c");
        await cluster.AdvanceUntilAsync(() => _log.Has("Node c left"), TimeSpan.FromSeconds(2));
        Assert.False(_log.Has("Node c failed"));
    }

    [Fact]
    public async Task Services_AreReplacedPerNode()
    {
        await using var cluster = new RpcTestCluster();
        cluster.Add("real", Configure);
        cluster.Add("fake", Configure, new RpcTestNodeOptions
        {
            ConfigureServices = static services => services.AddScoped<EchoWork, NoWork>(),
        });
        await cluster.StartAsync();
        Assert.Equal(TimeSpan.FromSeconds(1), await cluster.AdvanceUntilAsync(cluster["real"].CreateClient<IEcho>().EchoAsync("x").AsTask(), Soon));
        Assert.Equal(TimeSpan.Zero, await cluster.AdvanceUntilAsync(cluster["fake"].CreateClient<IEcho>().EchoAsync("x").AsTask(), Soon));
    }

    [Fact]
    public async Task Start_OfANodeWithAWrongSetting_FailsWithItsMessage_AndTheRestCanBeUsed()
    {
        await using var cluster = new RpcTestCluster();
        cluster.Add("a", Configure);
        cluster.Add("wrong", Configure, new RpcTestNodeOptions { Settings = { ["RpcNet:Cluster:ProbeInterval"] = "-00:00:01" } });
        var e = await Assert.ThrowsAsync<RpcNetStartupException>(cluster.StartAsync);
        Assert.Contains("RpcNet:Cluster:ProbeInterval", e.Message);
        Assert.False(cluster["wrong"].IsRunning);
        Assert.Equal("x", await CallAsync(cluster, "a"));
    }

    [Fact]
    public async Task Misuse_IsToldWhatIsWrong()
    {
        await using var cluster = await StartAsync();
        Assert.Contains("there are a, b, c", Assert.Throws<ArgumentException>(() => cluster["d"]).Message);
        Assert.Throws<ArgumentException>(() => cluster.Add("a", Configure));
        Assert.Throws<ArgumentException>(() => { _ = cluster.PartitionAsync(["a"], ["b", "a"]); });
        Assert.Throws<InvalidOperationException>(() => { _ = cluster.StartAsync("a"); });
        Assert.Throws<InvalidOperationException>(() => { _ = cluster.ResumeAsync("a"); });
        await cluster.KillAsync("a");
        Assert.Throws<InvalidOperationException>(() => { _ = cluster.KillAsync("a"); });
    }

    private static async Task<string> CallAsync(RpcTestCluster cluster, string node)
    {
        var call = cluster[node].CreateClient<IEcho>().EchoAsync("x").AsTask();
        await cluster.AdvanceUntilAsync(call, Soon);
        return await call;
    }

    private static string[] Members(RpcTestCluster cluster, string node) =>
        [.. cluster[node].Services.GetRequiredService<IClusterMembership>().Members.Where(static m => m.State == MemberState.Alive).Select(static m => m.Name)];

    private async Task<RpcTestCluster> StartAsync(LinkConditions? links = null)
    {
        var cluster = new RpcTestCluster(new RpcTestClusterOptions { Links = links ?? LinkConditions.Perfect });
        foreach (var name in Names)
        {
            cluster.Add(name, Configure);
        }

        await cluster.StartAsync();
        await cluster.AdvanceUntilAsync(() => Names.All(n => Members(cluster, n).Length == 3), Soon);
        return cluster;
    }

    private void Configure(HostApplicationBuilder builder)
    {
        builder.Logging.AddProvider(_log);
        builder.Services.AddScoped<EchoWork>();
        builder.Services.AddRpcNet(builder.Configuration.GetSection("RpcNet"))
            .AddService<IEcho, SlowEcho>()
            .AddCluster(o => o.Tags["label"] = builder.Environment.ApplicationName);
    }

    private sealed class NoWork(TimeProvider time) : EchoWork(time)
    {
        public override Task DoAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
