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

    [Fact]
    public void FlipFlop_SilentEveryOtherTwentySeconds_IsTakenOutAndStaysOut()
    {
        var simulation = Converged(16);
        var node = simulation.Nodes[15];
        for (var turn = 0; turn < 10; turn++)
        {
            node.EgressLoss = turn % 2 == 0 ? 1 : 0;
            simulation.Run(TimeSpan.FromSeconds(20));
        }

        Assert.All(simulation.Nodes.Take(15), n => Assert.InRange(Transitions(simulation, n, node), 1, 2));
        Assert.DoesNotContain(simulation.Events, e => e.Kind == SimulationEventKind.Failed && e.Observer != 15 && e.Subject != node.Id);
        Assert.Empty(simulation.Violations);

        node.EgressLoss = 0;
        Assert.True(simulation.Run(TimeSpan.FromMinutes(3), simulation.IsConverged), "it did not come back when it behaved");
    }

    /// <summary>Seeds in which some observers still heard a refutation after others had heard the verdict.</summary>
    [Theory]
    [InlineData(31)]
    [InlineData(33)]
    public void EgressLoss_OfMostMessages_IsOneFailureForEachObserver(int seed)
    {
        var simulation = new ClusterSimulation(new SimulationOptions
        {
            Nodes = 128,
            Seed = seed,
            Seeds = 3,
            ConvergedStart = true,
            CheckInvariants = false,
            Network = new NetworkConditions { Jitter = TimeSpan.FromMilliseconds(20) },
        });
        simulation.Run(TimeSpan.FromSeconds(60));

        simulation.Nodes[0].EgressLoss = 0.8;
        simulation.Run(TimeSpan.FromSeconds(40));

        Assert.All(simulation.Nodes.Skip(1), n => Assert.Equal(1, Transitions(simulation, n, simulation.Nodes[0])));
        Assert.DoesNotContain(simulation.Events, e => e.Kind == SimulationEventKind.Failed && e.Observer != 0 && e.Subject != simulation.Nodes[0].Id);
    }

    [Fact]
    public void Pause_OfTwentySeconds_IsBackSecondsAfterItGoesOn()
    {
        var simulation = Converged(16);
        var node = simulation.Nodes[15];

        simulation.Pause(node, TimeSpan.FromSeconds(20));
        simulation.Run(TimeSpan.FromSeconds(20));
        Assert.All(simulation.Nodes.Take(15), n => Assert.Equal(15, n.ViewSize));

        Assert.True(simulation.Run(TimeSpan.FromSeconds(5), simulation.IsConverged), simulation.Divergence());
        Assert.Equal(15, simulation.Events.Count(e => e.Kind == SimulationEventKind.Failed));
        Assert.Empty(simulation.Violations);
    }

    [Theory]
    [InlineData(8)]
    [InlineData(4)]
    public void Partition_IsReportedOnBothSidesAndHealsIntoEqualViews(int nearSide)
    {
        var simulation = Converged(16);
        foreach (var node in simulation.Nodes.Take(nearSide))
        {
            node.Group = 1;
        }

        simulation.Run(TimeSpan.FromSeconds(30));

        Assert.All(simulation.Nodes, n => Assert.Contains(simulation.Events, e => e.Kind == SimulationEventKind.PartitionDetected && e.Observer == n.Index));
        Assert.Equal(nearSide == 8 ? 1 : 0, simulation.Nodes.Where(n => n.Machine.HasQuorum).Select(n => n.Group).Distinct().Single());

        simulation.Heal();
        Assert.True(simulation.Run(TimeSpan.FromSeconds(30), simulation.IsConverged), simulation.Divergence());
        simulation.Run(TimeSpan.FromSeconds(20));
        Assert.All(simulation.Nodes, n => Assert.Single(simulation.Events, e => e.Kind == SimulationEventKind.PartitionHealed && e.Observer == n.Index));
        Assert.All(simulation.Nodes, n => Assert.True(n.Machine.HasQuorum));
        Assert.Empty(simulation.Violations);
    }

    [Theory]
    [InlineData(QuorumRule.Majority, 0, false, true)]
    [InlineData(QuorumRule.Static, 10, false, false)]
    [InlineData(QuorumRule.Static, 6, false, true)]
    [InlineData(QuorumRule.Static, 3, true, true)]
    [InlineData(QuorumRule.None, 0, true, true)]
    public void Quorum_OfFourAndSix_IsAsTheRuleSays(QuorumRule rule, int least, bool four, bool six)
    {
        var cluster = new ClusterOptions { Partition = { Quorum = rule, StaticQuorum = Math.Max(1, least) } };
        var simulation = new ClusterSimulation(new SimulationOptions { Nodes = 10, ConvergedStart = true, Cluster = cluster });
        simulation.Run(TimeSpan.FromSeconds(40));
        foreach (var node in simulation.Nodes.Take(4))
        {
            node.Group = 1;
        }

        simulation.Run(TimeSpan.FromSeconds(30));

        Assert.All(simulation.Nodes.Take(4), n => Assert.Equal(four, n.Machine.HasQuorum));
        Assert.All(simulation.Nodes.Skip(4), n => Assert.Equal(six, n.Machine.HasQuorum));
    }

    [Fact]
    public void Crash_OfAThird_IsReportedAsAPartitionThatNeverHeals()
    {
        var simulation = Converged(9);
        foreach (var node in simulation.Nodes.Skip(6))
        {
            simulation.Crash(node);
        }

        simulation.Run(TimeSpan.FromSeconds(60));

        Assert.Contains(simulation.Events, e => e.Kind == SimulationEventKind.PartitionDetected && e.FarSide == 3);
        Assert.DoesNotContain(simulation.Events, e => e.Kind == SimulationEventKind.PartitionHealed);
        Assert.All(simulation.Nodes.Take(6), n => Assert.True(n.Machine.HasQuorum));
    }

    [Fact]
    public void LossOfFivePercent_ForTwoMinutes_FailsNobody()
    {
        var simulation = new ClusterSimulation(new SimulationOptions
        {
            Nodes = 32,
            ConvergedStart = true,
            Network = { Loss = 0.05, Jitter = TimeSpan.FromMilliseconds(20) },
        });

        simulation.Run(TimeSpan.FromMinutes(2));

        Assert.DoesNotContain(simulation.Events, e => e.Kind == SimulationEventKind.Failed);
        Assert.Empty(simulation.Violations);
    }

    private static ClusterSimulation Converged(int nodes)
    {
        var simulation = new ClusterSimulation(new SimulationOptions { Nodes = nodes, ConvergedStart = true });
        simulation.Run(TimeSpan.FromSeconds(40));
        Assert.True(simulation.IsConverged(), simulation.Divergence());
        return simulation;
    }

    private static int Transitions(ClusterSimulation simulation, SimulatedNode observer, SimulatedNode subject) =>
        simulation.Events.Count(e =>
            e.Observer == observer.Index && e.Subject == subject.Id && e.Kind is SimulationEventKind.Failed or SimulationEventKind.Joined);
}
