namespace RpcNet.EndToEnd.Tests;

/// <summary>What takes minutes: seeds that come and go, rolling restarts, a network that is really cut. One after the other.</summary>
public sealed class MembershipChaosTests
{
    private static void RequireSlowTier() =>
        Assert.SkipUnless(Environment.GetEnvironmentVariable("RPCNET_TESTS") == "all", "set RPCNET_TESTS=all for the slow tier");

    [Fact]
    public async Task Kill_ThreeOfNineAtOnce_EachIsFailedOnceByEachSurvivor()
    {
        RequireSlowTier();
        await using var cluster = new NodeCluster(9, seeds: 2);
        await cluster.StartAllAsync();

        await Task.WhenAll(cluster.KillAsync("n0"), cluster.KillAsync("n4"), cluster.KillAsync("n8"));
        await cluster.SettleAsync();

        foreach (var node in cluster.Running)
        {
            var failed = node.Lines().Where(l => l.Contains(" failed ", StringComparison.Ordinal)).Select(l => l.Split(' ')[2]);
            Assert.Equal(["n0", "n4", "n8"], failed.Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task RollingRestart_OfAllFive_NobodyEverFails()
    {
        RequireSlowTier();
        await using var cluster = new NodeCluster(5, seeds: 2);
        await cluster.StartAllAsync();

        foreach (var id in cluster.Ids)
        {
            var before = MembershipCrashTests.Generation(cluster[id]);
            await cluster.StopAsync(id);
            await cluster.SettleAsync();
            cluster.Start(id);
            await cluster.SettleAsync();
            Assert.True(MembershipCrashTests.Generation(cluster[id]) > before);
            foreach (var node in cluster.Running.Where(n => n.Id != id))
            {
                Assert.Contains($"{node.Id} left {id} {before}", node.Lines());
            }
        }

        Assert.All(cluster.Running, n => Assert.DoesNotContain(n.Lines(), l => l.Contains(" failed ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Seed_DeadAtStart_AllJoinWhenItAppears()
    {
        RequireSlowTier();
        await using var cluster = new NodeCluster(5);
        foreach (var id in cluster.Ids.Skip(1))
        {
            cluster.Start(id);
        }

        foreach (var node in cluster.Running)
        {
            await node.ExpectAsync(" log 3008 ");
            await node.ExpectViewAsync(node.Id);
        }

        cluster.Start("n0");
        await cluster.SettleAsync();
    }

    [Fact]
    public async Task Seeds_AllDeadAndBack_TheClusterIsOneAgainAndTakesANewcomer()
    {
        RequireSlowTier();
        await using var cluster = new NodeCluster(7, seeds: 2);
        foreach (var id in cluster.Ids.SkipLast(1))
        {
            cluster.Start(id);
        }

        await cluster.SettleAsync();
        await Task.WhenAll(cluster.KillAsync("n0"), cluster.KillAsync("n1"));
        await cluster.SettleAsync();

        // A newcomer knows nobody but the dead seeds, and the seeds that return know nobody at all.
        var newcomer = cluster.Start("n6");
        await newcomer.ExpectAsync(" log 3008 ");
        await newcomer.ExpectViewAsync("n6");
        cluster.Start("n0");
        cluster.Start("n1");
        await cluster.SettleAsync();
    }

    [Fact]
    public async Task Flood_OfOneRpcConnection_FailsNobodyAndLosesNoGossip()
    {
        RequireSlowTier();
        await using var cluster = new NodeCluster(5);
        await cluster.StartAllAsync();
        var marks = cluster.Mark();
        var ends = new[] { cluster["n1"], cluster["n2"] };
        var before = new Dictionary<string, Dictionary<string, double>>();
        foreach (var node in ends)
        {
            before[node.Id] = (await node.StatsAsync())[node.Id];
        }

        cluster["n1"].Send($"flood {cluster.AddressOf("n2")} 10");
        await cluster["n1"].ExpectAsync(" flooded ");

        // A suspicion may come from this machine's load; that the gossip does not wait behind the bytes shows in that nothing is lost.
        Assert.All(cluster.Running, n => Assert.DoesNotContain(n.Lines(marks[n]), l => l.Contains(" failed ", StringComparison.Ordinal)));
        foreach (var node in ends)
        {
            var stats = (await node.StatsAsync())[node.Id];
            Assert.Equal((0, 0), (Grown("failures"), Grown("messages.dropped")));
            Assert.InRange(Grown("failed_probes"), 0, Grown("probes") / 4);

            double Grown(string name) => stats[name] - before[node.Id][name];
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Partition_OfARealNetwork_IsReportedOnBothSidesAndHeals(bool oneWay)
    {
        RequireSlowTier();
        Engine.Require();
        await using var network = await NetworkNamespaces.CreateAsync();
        using var folder = new TempFolder();
        var near = new[] { "a", "b", "c" };
        var far = new[] { "d", "e", "f", "g" };
        string[] all = [.. near, .. far];
        var nodes = new List<NodeProcess>();
        try
        {
            for (var i = 0; i < all.Length; i++)
            {
                var isNear = i < near.Length;
                var address = isNear ? NetworkNamespaces.NearAddress : NetworkNamespaces.FarAddress;
                nodes.Add(NodeProcess.Start(
                    $"{all[i]}={address}:{7000 + i}",
                    $"{NetworkNamespaces.NearAddress}:7000",
                    folder.Path,
                    isNear ? network.Near : network.Far,
                    ("RpcNet__Certificates__Cluster__TargetHost", "localhost")));
            }

            foreach (var node in nodes)
            {
                await node.ExpectViewAsync(all);
            }

            // The view counts as stable after ten seconds; a partition is judged against that.
            await nodes[0].ProbedAsync(1, 30);
            await (oneWay ? network.CutOneWayAsync() : network.CutAsync());
            foreach (var node in nodes)
            {
                var isNear = near.Contains(node.Id);
                await node.ExpectAsync(isNear ? "partitioned reachable=3 unreachable=4 quorum=False" : "partitioned reachable=4 unreachable=3 quorum=True");
                await node.ExpectViewAsync(isNear ? near : far);
            }

            await network.HealAsync();
            foreach (var node in nodes)
            {
                await node.ExpectViewAsync(all);
                await node.ExpectAsync(" healed");
            }
        }
        finally
        {
            foreach (var node in nodes)
            {
                await node.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task Seed_WhoseNameMoves_IsResolvedAgainAndFound()
    {
        RequireSlowTier();
        Engine.Require();
        await using var network = await NetworkNamespaces.CreateAsync();
        using var folder = new TempFolder();
        network.SetHosts();
        await using var node = Start("n", "127.0.0.1:7000");
        await node.ExpectAsync(" log 3008 ");

        await using (var first = Start("a", "127.0.0.2:7000"))
        {
            network.SetHosts("127.0.0.2 seed.rpcnet.test");
            await node.ExpectViewAsync("a", "n");
            await first.KillAsync();
        }

        await node.ExpectViewAsync("n");
        await using var second = Start("b", "127.0.0.3:7000");
        network.SetHosts("127.0.0.3 seed.rpcnet.test");
        await node.ExpectViewAsync("b", "n");
        await second.ExpectViewAsync("b", "n");

        NodeProcess Start(string id, string address) =>
            NodeProcess.Start($"{id}={address}", id == "n" ? "seed.rpcnet.test:7000" : "", folder.Path, network.Near, ("RpcNet__Certificates__Cluster__TargetHost", "localhost"));
    }

    /// <summary>
    /// The figures of docs/cluster/discovery.md: all IP packets of idle members on a network of their own. Without heartbeats, and with
    /// connections that are closed after a second, each probe opens one, as it does in a large cluster.
    /// </summary>
    [Theory]
    [InlineData(2, true, 2_000)]
    [InlineData(5, true, 3_000)]
    [InlineData(9, true, 5_000)]
    [InlineData(9, false, 30_000)]
    public async Task Traffic_OfIdleMembers_IsBelow(int members, bool keepsConnections, double bytesPerSecond)
    {
        RequireSlowTier();
        Engine.Require();
        await using var network = await NetworkNamespaces.CreateAsync();
        using var folder = new TempFolder();
        await network.LimitLoopbackAsync();
        var ids = Enumerable.Range(0, members).Select(static i => $"n{i}").ToArray();
        var nodes = new List<NodeProcess>();
        try
        {
            for (var i = 0; i < members; i++)
            {
                nodes.Add(NodeProcess.Start(
                    $"{ids[i]}=127.0.0.1:{7000 + i}",
                    "127.0.0.1:7000",
                    folder.Path,
                    network.Near,
                    ("RpcNet__Cluster__Phi__Enabled", keepsConnections ? "true" : "false"),
                    ("RpcNet__Cluster__Connections__IdleClose", keepsConnections ? "00:00:30" : "00:00:01")));
            }

            foreach (var node in nodes)
            {
                await node.ExpectViewAsync(ids);
            }

            // A round of probes and the comparisons after the join are over by then.
            await nodes[0].ProbedAsync(1, 60);
            var before = (await nodes[0].StatsAsync())["n0"];
            var bytes = await network.LoopbackBytesAsync();
            var clock = System.Diagnostics.Stopwatch.StartNew();
            await nodes[0].ProbedAsync(1, before["probes"] + 40);
            var after = (await nodes[0].StatsAsync())["n0"];
            var seconds = clock.Elapsed.TotalSeconds;
            var each = (await network.LoopbackBytesAsync() - bytes) / seconds / members;
            TestContext.Current.TestOutputHelper!.WriteLine(
                $"{members} members, {(keepsConnections ? "connections kept" : "a connection for each probe")}, each: {each:f0} B/s on the wire, of which messages "
                + $"{(after["bytes.sent"] - before["bytes.sent"]) / seconds:f0} B/s in {(after["messages.sent"] - before["messages.sent"]) / seconds:f1}/s");
            Assert.InRange(each, 1, bytesPerSecond);
        }
        finally
        {
            foreach (var node in nodes)
            {
                await node.DisposeAsync();
            }
        }
    }
}
