using RpcNet.Testing.Simulation;

namespace RpcNet.Cluster.Tests.Simulation;

public class ClusterSimulationTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(32)]
    public void Start_ThroughSeeds_AllViewsBecomeEqual(int nodes)
    {
        var simulation = new ClusterSimulation(new SimulationOptions { Nodes = nodes, EncodeMessages = true });

        var converged = simulation.Run(TimeSpan.FromSeconds(10), simulation.IsConverged);

        Assert.True(converged, simulation.Divergence());
        Assert.Empty(simulation.Violations);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(32)]
    public void Crash_OfOneNode_EachSurvivorReportsItOnceWithinEightSeconds(int nodes)
    {
        var simulation = new ClusterSimulation(new SimulationOptions { Nodes = nodes });
        Assert.True(simulation.Run(TimeSpan.FromSeconds(20), simulation.IsConverged), simulation.Divergence());
        var start = simulation.Now;
        var victim = simulation.Nodes[nodes - 1];

        simulation.Crash(victim);
        simulation.Run(TimeSpan.FromSeconds(60));

        var failures = simulation.Events.Where(e => e.Kind == SimulationEventKind.Failed).ToArray();
        Assert.Equal(nodes - 1, failures.Length);
        Assert.All(failures, f => Assert.Equal(victim.Id, f.Subject));
        Assert.All(failures, f => Assert.InRange(f.At - start, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(8)));
        Assert.Empty(simulation.Violations);
    }

    [Fact]
    public void Run_SameSeed_SameTrace()
    {
        Assert.Equal(Trace(7), Trace(7));
        Assert.NotEqual(Trace(7), Trace(8));

        static ulong Trace(int seed)
        {
            var simulation = new ClusterSimulation(new SimulationOptions { Nodes = 8, Seed = seed, Network = { Loss = 0.1 } });
            simulation.Run(TimeSpan.FromSeconds(20));
            simulation.Crash(simulation.Nodes[3]);
            simulation.Run(TimeSpan.FromSeconds(20));
            return simulation.TraceHash;
        }
    }
}
