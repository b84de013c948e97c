using RpcNet.Cluster;

namespace RpcNet.Testing.Simulation.Scenarios;

/// <summary>Processes stand still at random: nobody else may fail for it.</summary>
internal sealed class PausesScenario : Scenario
{
    public override string Name => "pauses";

    public override string Description =>
        "1 to 32 nodes stand still for 5 to 30 s at random; and harsher, with and without Lifeguard and the pause guard";

    public override ScenarioParameters Defaults => new(128, 5, 0.01);

    public override void Run(int seed, ScenarioParameters parameters, Samples samples)
    {
        var simulation = Play(seed, parameters, Options(seed, parameters), harsh: false, out var failed);
        samples.Add("failed", failed);
        Finish(simulation, samples);

        var guarded = Play(seed, parameters, Options(seed, parameters), harsh: true, out failed);
        samples.Add("harsh, guarded", failed);
        Finish(guarded, samples);

        var bare = Options(seed, parameters);
        bare.Cluster = new ClusterOptions { MaxLocalHealth = 0, PauseThreshold = TimeSpan.Zero };
        Finish(Play(seed, parameters, bare, harsh: true, out failed), samples);
        samples.Add("harsh, bare", failed);
    }

    public override IEnumerable<Figure> Summarize(ScenarioParameters parameters, Samples samples)
    {
        var guarded = samples.Sum("harsh, guarded");
        var bare = samples.Sum("harsh, bare");
        yield return new Figure("never-paused nodes that an observer failed", samples.Sum("failed"), "", Figure.AtMost(0));
        yield return new Figure("harsh, Lifeguard and pause guard off, all seeds", bare, "", Figure.AtLeast(50));
        yield return new Figure("harsh, on, all seeds", guarded, "");
        yield return new Figure("ratio off / on", bare / Math.Max(1, guarded), "x", Figure.AtLeast(50));
        yield return Violations(samples);
    }

    /// <summary>
    /// Mild: 1 to 32 nodes pause now and then. Harsh: a quarter of the nodes runs in turns of 20 to 120 ms between pauses of 5 to 30 s,
    /// as on a machine that swaps: probes and suspicions fall due while their owners are not there to read the answers.
    /// </summary>
    private static ClusterSimulation Play(int seed, ScenarioParameters parameters, SimulationOptions options, bool harsh, out int failed)
    {
        var random = new Random(seed);
        var simulation = new ClusterSimulation(options);
        var victims = harsh ? parameters.Nodes / 4 : random.Next(1, Math.Min(33, (parameters.Nodes / 4) + 1));
        var names = simulation.Nodes.Take(victims).Select(n => n.Id).ToHashSet();
        var end = TimeSpan.FromMinutes(parameters.Minutes);
        if (harsh)
        {
            foreach (var node in simulation.Nodes.Take(victims))
            {
                Stagger(node);
            }
        }

        while (simulation.Now < end)
        {
            foreach (var node in simulation.Nodes.Take(victims))
            {
                if (!harsh && simulation.Now >= node.PausedUntil && random.Next(20) == 0)
                {
                    simulation.Pause(node, TimeSpan.FromSeconds(5 + (25 * random.NextDouble())));
                }
            }

            simulation.Run(TimeSpan.FromSeconds(1));
        }

        failed = simulation.Events.Count(e => e.Kind == SimulationEventKind.Failed && !names.Contains(e.Subject));
        return simulation;

        void Stagger(SimulatedNode node)
        {
            var pause = TimeSpan.FromSeconds(5 + (25 * random.NextDouble()));
            simulation.Pause(node, pause);
            simulation.At(simulation.Now + pause + TimeSpan.FromMilliseconds(random.Next(20, 120)), () => Stagger(node));
        }
    }
}
