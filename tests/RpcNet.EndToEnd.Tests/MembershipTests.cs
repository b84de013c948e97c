namespace RpcNet.EndToEnd.Tests;

/// <summary>SIGKILL and restarts among five processes.</summary>
public sealed class MembershipCrashTests
{
    [Fact]
    public async Task Kill_OneOfFive_IsFailedOnceByEachAndReturnsAtItsAddressWithANewGeneration()
    {
        await using var cluster = new NodeCluster(5);
        await cluster.StartAllAsync();
        var first = Generation(cluster["n4"]);

        await cluster.KillAsync("n4");
        await cluster.SettleAsync();
        foreach (var node in cluster.Running)
        {
            Assert.Equal($"{node.Id} failed n4 {first}", Assert.Single(node.Lines(), l => l.Contains(" failed ", StringComparison.Ordinal)));
        }

        var again = cluster.Start("n4");
        await cluster.SettleAsync();
        var second = Generation(again);
        Assert.True(second > first);
        foreach (var node in cluster.Running.Where(n => n != again))
        {
            await node.ExpectAsync($"joined n4 {second}");
            Assert.Single(node.Lines(), l => l.Contains(" failed ", StringComparison.Ordinal));
        }
    }

    internal static ulong Generation(NodeProcess node)
    {
        var ready = node.Lines().Single(l => l.StartsWith($"{node.Id} ready ", StringComparison.Ordinal));
        return ulong.Parse(ready.Split(' ')[2], System.Globalization.CultureInfo.InvariantCulture);
    }
}

/// <summary>SIGSTOP and SIGCONT among five processes.</summary>
public sealed class MembershipPauseTests
{
    [Fact]
    public async Task Stop_OneOfFiveUntilItIsFailed_AccusesNobodyWhenItWakesAndIsBack()
    {
        await using var cluster = new NodeCluster(5);
        await cluster.StartAllAsync();
        var sleeper = cluster["n2"];
        var others = cluster.Running.Where(n => n != sleeper).ToArray();

        var suspicions = (await sleeper.StatsAsync())["n2"]["suspicions"];
        await sleeper.SignalAsync("STOP");
        foreach (var node in others)
        {
            await node.ExpectAsync("suspect n2 by ");
            await node.ExpectAsync("failed n2 ");
        }

        var marks = cluster.Mark();
        await sleeper.SignalAsync("CONT");

        // What it believes as it wakes counts; later a loaded machine may give anybody a reason for a suspicion.
        await sleeper.ExpectAsync(" log 3012 ", marks[sleeper]);
        Assert.Equal(suspicions, (await sleeper.StatsAsync())["n2"]["suspicions"]);
        foreach (var node in others)
        {
            await node.ExpectAsync("joined n2 ", marks[node]);
        }

        await cluster.SettleAsync();
        var stats = (await sleeper.StatsAsync())["n2"];
        Assert.True(stats["pauses"] >= 1);
        Assert.Equal(0, stats["failures"]);
        Assert.DoesNotContain(sleeper.Lines(), l => l.Contains(" failed ", StringComparison.Ordinal));
        Assert.All(others, n => Assert.Single(n.Lines(), l => l.Contains(" failed ", StringComparison.Ordinal)));
    }
}

/// <summary>A thread pool that runs nothing.</summary>
public sealed class MembershipStarvationTests
{
    private const string Members = "abcde";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Starve_TheThreadPoolOfFiveMembers_AccusesNobody(bool asTheEngineAllows)
    {
        Engine.Require();
        using var folder = new TempFolder();
        var addresses = Members.Select(m => $"{m}=127.0.0.1:{Repository.FreePort()}").ToArray();
        await using var process = NodeProcess.Start(
            string.Join(',', addresses),
            addresses[0][2..],
            folder.Path,
            environment: ("RPCNET_NODE_NEEDS_POOL", asTheEngineAllows ? "" : "1"));
        foreach (var member in Members)
        {
            await process.ExpectAsync($"{member} view a,b,c,d,e");
        }

        // One round of probes and more, so that everybody has a connection to everybody.
        await process.ProbedAsync(Members.Length, 9);
        var from = process.LineCount;
        var before = await process.StatsAsync(Members.Length);
        process.Send("starve 5");
        await process.ExpectAsync("starved ", from);
        var after = await process.StatsAsync(Members.Length);
        Assert.DoesNotContain(process.Lines(), l => l.Contains("starvation", StringComparison.Ordinal));
        if (asTheEngineAllows && RpcNet.Transports.Ngtcp2.Ngtcp2Transport.IsSupported && !RpcNet.Transports.SystemNetQuicTransport.IsSupported)
        {
            // Ten were due, more if the machine was slow to tell. If it gives this process little time some may fall away, but not the most.
            Assert.All(Members, m => Assert.True(after[$"{m}"]["probes"] - before[$"{m}"]["probes"] >= 6));
            Assert.All(Members, m => Assert.True(after[$"{m}"]["messages.received"] - before[$"{m}"]["messages.received"] >= 15));
        }
        else
        {
            await process.ExpectAsync(" log 3012 ", from);
            await process.ProbedAsync(Members.Length, after["a"]["probes"] + 8);
            after = await process.StatsAsync(Members.Length);
            Assert.All(Members, m => Assert.InRange(after[$"{m}"]["pauses"] - before[$"{m}"]["pauses"], 1, 4));
        }

        Assert.All(Members, m => Assert.Equal(before[$"{m}"]["suspicions"], after[$"{m}"]["suspicions"]));
        Assert.DoesNotContain(process.Lines(from), l => l.Contains(" suspect ", StringComparison.Ordinal) || l.Contains(" failed ", StringComparison.Ordinal));
    }
}
