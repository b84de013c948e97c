namespace RpcNet.Testing.Simulation.Scenarios;

/// <summary>A story that a simulated cluster is put through, and the figures that it gives.</summary>
public abstract class Scenario
{
    /// <summary>All scenarios.</summary>
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new SteadyScenario(),
        new CrashScenario(),
        new PausesScenario(),
        new FlakyScenario(),
        new PartitionScenario(),
        new RestartScenario(),
        new ChurnScenario(),
        new ScaleScenario(),
        new TagsScenario(),
    ];

    /// <summary>The name on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>One line for people.</summary>
    public abstract string Description { get; }

    /// <summary>What is run unless the command line says otherwise.</summary>
    public abstract ScenarioParameters Defaults { get; }

    /// <summary>Plays the story once.</summary>
    public abstract void Run(int seed, ScenarioParameters parameters, Samples samples);

    /// <summary>Makes figures out of the samples of all seeds.</summary>
    public abstract IEnumerable<Figure> Summarize(ScenarioParameters parameters, Samples samples);

    private protected static SimulationOptions Options(int seed, ScenarioParameters parameters, bool convergedStart = true) => new()
    {
        Nodes = parameters.Nodes,
        Seed = seed,
        Seeds = 3,
        ConvergedStart = convergedStart,
        Network = new NetworkConditions { Loss = parameters.Loss, Jitter = TimeSpan.FromMilliseconds(20) },
    };

    /// <summary>Records what every scenario records.</summary>
    private protected static void Finish(ClusterSimulation simulation, Samples samples)
    {
        samples.Add("violations", simulation.Violations.Count);
        samples.Add("trace", simulation.TraceHash);
        foreach (var violation in simulation.Violations)
        {
            samples.Note(violation);
        }
    }

    /// <summary>The survivors that did not report the victim's failure exactly once.</summary>
    private protected static int CountNotOnce(ClusterSimulation simulation, SimulatedNode victim, IEnumerable<SimulationEvent> failures)
    {
        var reports = new int[simulation.Nodes.Count];
        foreach (var failure in failures)
        {
            reports[failure.Observer] += failure.Subject == victim.Id ? 1 : 0;
        }

        return simulation.Nodes.Count(n => n != victim && reports[n.Index] != 1);
    }

    private protected static Figure Violations(Samples samples) =>
        new("invariants broken", samples.Sum("violations"), "", Figure.AtMost(0));
}
