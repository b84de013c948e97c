using RpcNet.Cluster.Swim;
using RpcNet.Testing.Simulation;
using static RpcNet.Cluster.Tests.Swim.MachineHarness;

namespace RpcNet.Cluster.Tests.Simulation;

public class InvariantCheckerTests
{
    [Fact]
    public void Tags_OfOneIncarnationThatSwapTheirValues_AreTwoSets()
    {
        var simulation = new ClusterSimulation(new SimulationOptions { Nodes = 2 });
        var checker = new InvariantChecker(simulation);

        Say(("a", "1"), ("b", "2"));
        Say(("b", "2"), ("a", "1"));
        Assert.Empty(checker.Violations);
        Say(("a", "2"), ("b", "1"));

        Assert.Single(checker.Violations);

        void Say(params (string, string)[] tags) =>
            checker.Notified(simulation.Nodes[1], new SwimEvent(SwimEventKind.LocalChanged) { Record = Peer("x", 1, tags: tags) });
    }
}
