using BenchmarkDotNet.Attributes;
using RpcNet.Testing.Simulation;

namespace RpcNet.Microbenchmarks;

/// <summary>The membership protocol's work: simulated clusters at rest, all messages encoded and decoded.</summary>
public class SwimBenchmarks
{
    private ClusterSimulation _simulation = null!;

    [Params(16, 128)]
    public int Nodes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _simulation = new ClusterSimulation(new SimulationOptions
        {
            Nodes = Nodes, ConvergedStart = true, CheckInvariants = false, EncodeMessages = true,
        });
        _simulation.Run(TimeSpan.FromSeconds(30));
    }

    /// <summary>One second of the whole cluster; divide by the number of nodes for one node's share.</summary>
    [Benchmark]
    public bool OneSecond() => _simulation.Run(TimeSpan.FromSeconds(1));
}
