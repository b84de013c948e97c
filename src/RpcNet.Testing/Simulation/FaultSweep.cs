using RpcNet.Cluster;
using RpcNet.Cluster.Swim;

namespace RpcNet.Testing.Simulation;

/// <summary>
/// Runs small clusters through random faults and then through a calm, after which all views must be equal. Everything follows from
/// the seed: the size of the cluster, its network, and which faults strike when.
/// </summary>
public static class FaultSweep
{
    /// <summary>The length of a tick.</summary>
    public static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(25);

    /// <summary>The share of the ticks, at the end, in which nothing goes wrong any more.</summary>
    private const double CalmShare = 0.5;

    /// <summary>How long before the end the last change is made that all must have seen by then.</summary>
    private static readonly TimeSpan LastWord = TimeSpan.FromSeconds(20);

    /// <summary>Runs one seed for so many ticks.</summary>
    public static SweepResult Run(int seed, int ticks = 5000) => Run(seed, ticks, rules: null);

    internal static SweepResult Run(int seed, int ticks, SwimRules? rules) => Run(seed, ticks, rules, out _);

    internal static SweepResult Run(int seed, int ticks, SwimRules? rules, out ClusterSimulation simulation)
    {
        var random = new Random(seed);
        var options = new SimulationOptions
        {
            Nodes = random.Next(3, 13),
            Seed = seed,
            Seeds = random.Next(1, 4),
            Cluster = new ClusterOptions
            {
                // Probations must be over when the calm is.
                Quarantine = { Probation = TimeSpan.FromSeconds(5), MaxProbation = TimeSpan.FromSeconds(10) },
            },
            EncodeMessages = random.Next(4) == 0,
            Network = new NetworkConditions
            {
                Loss = random.Next(2) == 0 ? 0 : 0.2 * random.NextDouble(),
                Duplication = random.Next(2) == 0 ? 0 : 0.1 * random.NextDouble(),
                Jitter = TimeSpan.FromMilliseconds(random.Next(1, 100)),
            },
        };
        simulation = new ClusterSimulation(options, rules);
        var faults = new RandomFaults(simulation, random);
        var stormEnd = Tick * (int)(ticks * (1 - CalmShare));
        while (simulation.Now < stormEnd)
        {
            faults.Strike();
            simulation.Run(Tick);
        }

        faults.CalmDown();
        simulation.Run(Tick * ticks - simulation.Now - LastWord);

        // Gossip reaches almost all, and one comparison of tables each finds who was left out. Comparisons alone would not do.
        simulation.Nodes.FirstOrDefault(n => n.IsRunning && !n.Machine.IsConflicted)?.SetTags(new Dictionary<string, string> { ["last"] = "word" });
        simulation.Run(LastWord);
        var violations = simulation.Violations.ToList();
        if (simulation.Divergence() is { } divergence)
        {
            violations.Add($"seed {seed}, after the calm: {divergence}");
        }

        foreach (var node in simulation.Nodes)
        {
            if (node.IsRunning && node.Machine.PendingNews > 0 && node.ViewSize > 1)
            {
                violations.Add($"seed {seed}, after the calm: {node} still has {node.Machine.PendingNews} pieces of news to pass on");
            }
        }

        return new SweepResult(seed, simulation.TraceHash, simulation.Steps, violations);
    }
}

/// <summary>How one seed went.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="TraceHash">Stands for everything that happened.</param>
/// <param name="Steps">Inputs handled.</param>
/// <param name="Violations">Broken invariants; empty as it should be.</param>
public sealed record SweepResult(int Seed, ulong TraceHash, long Steps, IReadOnlyList<string> Violations);
