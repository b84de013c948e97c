using Microsoft.Extensions.Time.Testing;
using RpcNet.Cluster.Tests.Registry;

namespace RpcNet.Cluster.Tests.Balancing;

// What is listened to allocates, whichever test listens.
[Collection("Routing and who listens to it")]
public sealed class StrategyTests : RegistryFixture
{
    [Theory]
    [InlineData(LoadBalancingStrategy.RoundRobin, 0)]
    [InlineData(LoadBalancingStrategy.Random, 0.1)]
    [InlineData(LoadBalancingStrategy.PowerOfTwoChoices, 0.1)]
    [InlineData(LoadBalancingStrategy.LeastConnections, 0.1)]
    [InlineData(LoadBalancingStrategy.WeightedLeastConnections, 0.1)]
    [InlineData(LoadBalancingStrategy.ConsistentHash, 0.1)]
    [InlineData(LoadBalancingStrategy.ZoneLocal, 0.1)]
    public async Task Select_EqualWorkersOneCallAtATime_GivesEachItsShare(LoadBalancingStrategy strategy, double tolerance)
    {
        Membership.JoinMany(20);
        var registry = await StartAsync(o => o.Strategy = strategy);

        var counts = Count(registry, 40_000);

        Assert.Equal(20, counts.Count);
        Assert.All(counts.Values, n => Assert.InRange(n, 2000 * (1 - tolerance), 2000 * (1 + tolerance)));
    }

    [Theory]
    [InlineData(7)]
    [InlineData(50)]
    public async Task LeastConnections_SomeBusy_TakesTheLeastLoadedOnesEvenly(int count)
    {
        Membership.JoinMany(count);
        var registry = await StartAsync(o => o.Strategy = LoadBalancingStrategy.LeastConnections);
        var leases = Enumerable.Range(0, count).Select(_ => registry.Select()).ToList();
        var free = new[] { leases[1].Worker.Id.Value, leases[3].Worker.Id.Value, leases[5].Worker.Id.Value };
        leases[1].Dispose();
        leases[3].Dispose();
        leases[5].Dispose();

        var counts = Count(registry, 3000);

        Assert.Equal(free.Order(), counts.Keys.Order());
        Assert.All(counts.Values, static n => Assert.InRange(n, 850, 1150));
    }

    [Fact]
    public async Task LeastConnections_ScatteredSlots_FindsTheMinimumToo()
    {
        for (var i = 0; i < 100; i++)
        {
            Membership.Join($"w{i:000}", i + 1, i % 3 == 0 ? "role=worker,gpu=true" : "role=worker");
        }

        var registry = await StartAsync(o => o.Strategy = LoadBalancingStrategy.LeastConnections);
        var leases = Enumerable.Range(0, 34 * 3).Select(_ => registry.Select("gpu=true")).ToList();

        Assert.All(registry.WorkersWithTags("gpu=true"), static w => Assert.Equal(3, w.InFlight));
        Assert.All(registry.WorkersWithTags("!gpu"), static w => Assert.Equal(0, w.InFlight));
        leases.ForEach(static l => l.Dispose());
    }

    [Fact]
    public async Task WeightedLeastConnections_Capacities_ShareInProportion()
    {
        Membership.Join("small", 1, "role=worker,capacity=1");
        Membership.Join("large", 2, "role=worker,capacity=3");
        var registry = await StartAsync(o => o.Strategy = LoadBalancingStrategy.WeightedLeastConnections);

        var leases = Enumerable.Range(0, 400).Select(_ => registry.Select()).ToList();

        Assert.InRange(registry.Workers.Single(w => w.Label == "large").InFlight, 298, 302);
        leases.ForEach(static l => l.Dispose());
    }

    [Fact]
    public async Task PeakEwma_OneSlowForAWhile_GetsAlmostNothingAndComesBack()
    {
        Membership.JoinMany(10);
        var registry = await StartAsync(o =>
        {
            o.Strategy = LoadBalancingStrategy.PeakEwma;
            o.Outliers.Enabled = false;
        });
        var before = Drive(slow: 200);
        Assert.InRange(before["w0003"], 1, 50);

        Drive(slow: 10);
        Drive(slow: 10);
        Assert.InRange(Drive(slow: 10)["w0003"], 300, 2000);

        Dictionary<string, int> Drive(double slow)
        {
            var counts = new Dictionary<string, int>();
            var noise = new Random(3);
            for (var i = 0; i < 10_000; i++)
            {
                using var lease = registry.Select();
                var id = lease.Worker.Id.Value;
                counts[id] = counts.GetValueOrDefault(id) + 1;
                Time.Advance(TimeSpan.FromMilliseconds(2));
                lease.Complete(TimeSpan.FromMilliseconds((id == "w0003" ? slow : 10) * (0.5 + noise.NextDouble())), succeeded: true);
            }

            return counts;
        }
    }

    [Fact]
    public async Task ConsistentHash_WorkerGoes_MovesItsKeysOnly()
    {
        Membership.JoinMany(10);
        var registry = await StartAsync(o => o.Strategy = LoadBalancingStrategy.ConsistentHash);
        var before = Owners(registry);
        Assert.All(before.Values.GroupBy(static o => o), static g => Assert.InRange(g.Count(), 400, 600));

        Membership.Leave(FakeMembership.Member("w0004", 10_004, "role=worker"));
        await Eventually.HoldsAsync(() => registry.Count == 9);
        var after = Owners(registry);

        Assert.All(before, pair => Assert.True(pair.Value == "w0004" ? after[pair.Key] != "w0004" : after[pair.Key] == pair.Value));
        Assert.All(after.Values.GroupBy(static o => o), static g => Assert.InRange(g.Count(), 450, 670));

        static Dictionary<string, string> Owners(WorkerRegistry registry) => Enumerable.Range(0, 5000).Select(static i => $"user-{i}")
            .ToDictionary(static key => key, key => Owner(registry, key));
    }

    [Fact]
    public async Task ConsistentHash_OneHotKey_SpillsAtTheLoadBound()
    {
        Membership.JoinMany(10);
        var registry = await StartAsync(o => o.Strategy = LoadBalancingStrategy.ConsistentHash);
        var selector = registry.GetSelector("");

        var leases = Enumerable.Range(0, 1000).Select(_ => selector.Select(new SelectionRequest("hot"), [])).ToList();

        Assert.All(registry.Workers, static w => Assert.InRange(w.InFlight, 0, 126));
        Assert.InRange(registry.Workers.Max(static w => w.InFlight), 120, 126);
        leases.ForEach(static l => l.Dispose());
    }

    [Fact]
    public async Task ZoneLocal_LocalZoneFills_SpillsOver()
    {
        Membership = new FakeMembership(zone: "a");
        for (var i = 0; i < 4; i++)
        {
            Membership.Join($"a{i}", 1 + i, "role=worker,zone=a");
            Membership.Join($"b{i}", 11 + i, "role=worker,zone=b");
        }

        var registry = await StartAsync(o => o.Strategy = LoadBalancingStrategy.ZoneLocal);
        Assert.All((Count(registry, 1000)).Keys, static id => Assert.StartsWith("a", id, StringComparison.Ordinal));

        var leases = Enumerable.Range(0, 900).Select(_ => registry.Select()).ToList();

        var local = registry.Workers.Where(static w => w.Label[0] == 'a').Sum(static w => w.InFlight);
        Assert.InRange(local, 560, 640);
        leases.ForEach(static l => l.Dispose());
    }

    [Fact]
    public async Task CustomBalancer_FromOptions_IsAsked()
    {
        Membership.JoinMany(5);
        var registry = await StartAsync(static o => o.CreateBalancer = static () => new LastOne());

        using var lease = registry.Select();

        Assert.Equal("w0004", lease.Worker.Id.Value);
    }

    [Theory]
    [InlineData(LoadBalancingStrategy.RoundRobin)]
    [InlineData(LoadBalancingStrategy.Random)]
    [InlineData(LoadBalancingStrategy.PowerOfTwoChoices)]
    [InlineData(LoadBalancingStrategy.LeastConnections)]
    [InlineData(LoadBalancingStrategy.WeightedLeastConnections)]
    [InlineData(LoadBalancingStrategy.PeakEwma)]
    [InlineData(LoadBalancingStrategy.ConsistentHash)]
    [InlineData(LoadBalancingStrategy.ZoneLocal)]
    public async Task Select_AnyStrategy_AllocatesNothing(LoadBalancingStrategy strategy)
    {
        Membership.JoinMany(50);
        var registry = await StartAsync(o => o.Strategy = strategy);
        var selector = registry.GetSelector("role=worker");
        var request = new SelectionRequest("key");
        Run(1000);

        var before = GC.GetAllocatedBytesForCurrentThread();
        Run(10_000);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Run(int count)
        {
            for (var i = 0; i < count; i++)
            {
                selector.TrySelect(request, [], out var lease);
                lease.Dispose();
            }
        }
    }

    [Fact]
    public async Task Outliers_ConsecutiveFailures_EjectAndReturnSlowly()
    {
        Membership.JoinMany(4);
        var registry = await StartAsync(o => o.Strategy = LoadBalancingStrategy.RoundRobin);
        var bad = registry.Workers[2];
        for (var i = 0; i < 5; i++)
        {
            registry.RecordOutcome(bad, TimeSpan.FromMilliseconds(1), succeeded: false);
        }

        Assert.Equal(WorkerState.Ejected, bad.State);
        Assert.DoesNotContain(bad.Id.Value, (Count(registry, 1000)).Keys);

        Time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(WorkerState.Ejected, bad.State);
        Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(WorkerState.Ready, bad.State);

        Assert.InRange((Count(registry, 4000)).GetValueOrDefault("w0002"), 60, 150);
        Time.Advance(TimeSpan.FromSeconds(5));
        Assert.InRange((Count(registry, 4000)).GetValueOrDefault("w0002"), 400, 600);
        Time.Advance(TimeSpan.FromSeconds(5));
        Assert.InRange((Count(registry, 4000)).GetValueOrDefault("w0002"), 990, 1010);
    }

    [Fact]
    public async Task Outliers_ReturnsAndFailsAgain_StaysOutLonger()
    {
        Membership.JoinMany(4);
        var registry = await StartAsync();
        var bad = registry.Workers[0];
        Fail();
        Time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(WorkerState.Ready, bad.State);

        Fail();
        Time.Advance(TimeSpan.FromSeconds(19));
        Assert.Equal(WorkerState.Ejected, bad.State);
        Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(WorkerState.Ready, bad.State);

        void Fail()
        {
            for (var i = 0; i < 5; i++)
            {
                registry.RecordOutcome(bad, TimeSpan.FromMilliseconds(1), succeeded: false);
            }
        }
    }

    [Fact]
    public async Task Outliers_EveryWorkerFails_AtMostHalfAreEjected()
    {
        Membership.JoinMany(6);
        var registry = await StartAsync();
        foreach (var worker in registry.Workers)
        {
            for (var i = 0; i < 20; i++)
            {
                registry.RecordOutcome(worker, TimeSpan.FromMilliseconds(1), succeeded: false);
            }
        }

        Assert.Equal(3, registry.Workers.Count(static w => w.State == WorkerState.Ejected));
    }

    [Fact]
    public async Task Outliers_FailsTenPercent_IsFoundAmongFive()
    {
        Membership.JoinMany(5);
        var registry = await StartAsync();
        for (var i = 0; i < 200; i++)
        {
            foreach (var worker in registry.Workers)
            {
                registry.RecordOutcome(worker, TimeSpan.FromMilliseconds(5), succeeded: worker.Id.Value != "w0001" || i % 10 != 0);
            }
        }

        Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(["w0001"], registry.Workers.Where(static w => w.State == WorkerState.Ejected).Select(static w => w.Id.Value));
    }

    [Fact]
    public async Task Outliers_TwentyTimesSlower_IsFoundAmongThree()
    {
        Membership.JoinMany(3);
        var registry = await StartAsync();
        for (var i = 0; i < 10; i++)
        {
            foreach (var worker in registry.Workers)
            {
                registry.RecordOutcome(worker, TimeSpan.FromMilliseconds(worker.Id.Value == "w0001" ? 100 : 5 + i), succeeded: true);
            }
        }

        Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(["w0001"], registry.Workers.Where(static w => w.State == WorkerState.Ejected).Select(static w => w.Id.Value));
    }

    [Fact]
    public async Task SlowStart_WorkerJoinsLater_GetsLessAtFirst()
    {
        Membership.JoinMany(4);
        var registry = await StartAsync(o => o.Strategy = LoadBalancingStrategy.LeastConnections);
        Membership.Join("new", 9);
        await Eventually.HoldsAsync(() => registry.Count == 5);

        Assert.InRange((Count(registry, 5000)).GetValueOrDefault("new"), 50, 160);
        Time.Advance(TimeSpan.FromSeconds(10));
        Assert.InRange((Count(registry, 5000)).GetValueOrDefault("new"), 850, 1150);
    }

    private static string Owner(WorkerRegistry registry, string key)
    {
        using var lease = registry.GetSelector("").Select(new SelectionRequest(key), []);
        return lease.Worker.Id.Value;
    }

    private static Dictionary<string, int> Count(WorkerRegistry registry, int calls)
    {
        var counts = new Dictionary<string, int>();
        for (var i = 0; i < calls; i++)
        {
            using var lease = registry.Select();
            counts[lease.Worker.Id.Value] = counts.GetValueOrDefault(lease.Worker.Id.Value) + 1;
        }

        return counts;
    }

    private sealed class LastOne : ILoadBalancer
    {
        public int Select(WorkerSet candidates, in SelectionRequest request) => candidates.Count - 1;
    }
}
