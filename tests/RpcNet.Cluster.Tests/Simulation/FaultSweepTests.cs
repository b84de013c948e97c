using RpcNet.Testing.Simulation;

namespace RpcNet.Cluster.Tests.Simulation;

public class FaultSweepTests
{
    [Fact]
    public void Sweep_AFewSeeds_BreaksNoInvariant() => Sweep(seeds: 40, ticks: 4000);

    [Fact]
    public void Sweep_AllSeeds_BreaksNoInvariant()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("RPCNET_TESTS") == "all", "set RPCNET_TESTS=all for the full sweep");
        Sweep(seeds: 4096, ticks: 5000);
    }

    /// <summary>The only seed says good-bye as the calm begins: without it the others would never meet.</summary>
    [Fact]
    public void Sweep_SeedLeavesAsTheCalmBegins_BreaksNoInvariant() => Assert.Empty(FaultSweep.Run(45).Violations);

    [Fact]
    public void Sweep_SameSeed_SameTraceHash() =>
        Assert.Equal(FaultSweep.Run(3, 1500).TraceHash, FaultSweep.Run(3, 1500).TraceHash);

    private static void Sweep(int seeds, int ticks)
    {
        var violations = new List<string>();
        Parallel.For(1, seeds + 1, seed =>
        {
            var result = FaultSweep.Run(seed, ticks);
            lock (violations)
            {
                violations.AddRange(result.Violations);
            }
        });

        Assert.Empty(violations);
    }
}
