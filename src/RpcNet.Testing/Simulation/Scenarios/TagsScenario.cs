namespace RpcNet.Testing.Simulation.Scenarios;

/// <summary>Tags change; how long until all see it.</summary>
internal sealed class TagsScenario : Scenario
{
    private const int Changes = 10;

    public override string Name => "tags";

    public override string Description => "a node publishes new tags; how long until each other node sees them";

    public override ScenarioParameters Defaults => new(1000, 1, 0.1);

    public override void Run(int seed, ScenarioParameters parameters, Samples samples)
    {
        var simulation = new ClusterSimulation(Options(seed, parameters));
        simulation.Run(TimeSpan.FromSeconds(5));
        for (var i = 0; i < Changes; i++)
        {
            var node = simulation.Nodes[(seed + (i * 97)) % parameters.Nodes];
            var at = simulation.Now;
            var from = simulation.Events.Count;
            node.SetTags(new Dictionary<string, string> { ["role"] = "worker", ["version"] = $"{i}" });
            simulation.Run(TimeSpan.FromMinutes(parameters.Minutes / Changes));
            var seen = simulation.Events.Skip(from).Where(e => e.Kind == SimulationEventKind.TagsChanged && e.Subject == node.Id).ToArray();
            foreach (var e in seen)
            {
                samples.Add("seconds", (e.At - at).TotalSeconds);
            }

            samples.Add("unseen", parameters.Nodes - 1 - seen.Length);
        }

        Finish(simulation, samples);
    }

    public override IEnumerable<Figure> Summarize(ScenarioParameters parameters, Samples samples)
    {
        yield return new Figure("change to TagsChanged, p50", samples.Percentile("seconds", 0.5), "s");
        yield return new Figure("change to TagsChanged, p99", samples.Percentile("seconds", 0.99), "s", Figure.AtMost(3));
        yield return new Figure("change to TagsChanged, max", samples.Max("seconds"), "s");
        yield return new Figure("observers that had not seen a change in time", samples.Sum("unseen"), "", Figure.AtMost(0));
        yield return Violations(samples);
    }
}
