namespace RpcNet.Testing.Simulation.Scenarios;

/// <summary>The network splits and heals, without seeds.</summary>
internal sealed class PartitionScenario : Scenario
{
    public override string Name => "partition";

    public override string Description => "the cluster splits in halves (odd seeds) or into one and the rest (even seeds), seeds dead, and heals";

    public override ScenarioParameters Defaults => new(128, 10, 0);

    public override void Run(int seed, ScenarioParameters parameters, Samples samples)
    {
        var halves = seed % 2 == 1;
        var kind = halves ? "halves" : "one off";
        var options = Options(seed, parameters with { Nodes = parameters.Nodes + 3 });
        var simulation = new ClusterSimulation(options);
        simulation.Run(TimeSpan.FromSeconds(5));
        foreach (var node in simulation.Nodes.Take(3))
        {
            simulation.Crash(node);
        }

        simulation.Run(TimeSpan.FromSeconds(60));
        var living = simulation.Nodes.Skip(3).ToArray();
        var start = simulation.Now;
        foreach (var node in living.Take(halves ? parameters.Nodes / 2 : 1))
        {
            node.Group = 1;
        }

        simulation.Run(TimeSpan.FromMinutes(parameters.Minutes));
        foreach (var node in living)
        {
            var detected = simulation.Events.Where(e => e.Observer == node.Index && e.Kind == SimulationEventKind.PartitionDetected && e.At >= start).ToArray();
            if (halves || node.Group == 1)
            {
                samples.Add($"{kind}, detected", detected.Length == 0 ? double.PositiveInfinity : (detected[0].At - start).TotalSeconds);
            }
        }

        samples.Add($"{kind}, quorums", living.Where(n => n.Machine.HasQuorum).Select(n => n.Group).Distinct().Count());
        var healed = simulation.Now;
        simulation.Heal();
        var equal = simulation.Run(TimeSpan.FromMinutes(5), simulation.IsConvergedEverySecond);
        samples.Add($"{kind}, equal", equal ? (simulation.Now - healed).TotalSeconds : double.PositiveInfinity);
        simulation.Run(TimeSpan.FromSeconds(30));
        samples.Add($"{kind}, unhealed", living.Count(n => n.Machine.IsPartitioned));
        Finish(simulation, samples);
    }

    public override IEnumerable<Figure> Summarize(ScenarioParameters parameters, Samples samples)
    {
        foreach (var kind in new[] { "halves", "one off" })
        {
            if (samples.Count($"{kind}, equal") > 0)
            {
                yield return new Figure($"{kind}: split to PartitionDetected, max", samples.Max($"{kind}, detected"), "s", Figure.AtMost(15));
                yield return new Figure($"{kind}: sides with a quorum, max", samples.Max($"{kind}, quorums"), "", Figure.AtMost(1));
                yield return new Figure($"{kind}: healing to equal views, p50", samples.Percentile($"{kind}, equal", 0.5), "s");
                yield return new Figure($"{kind}: healing to equal views, max", samples.Max($"{kind}, equal"), "s", Figure.AtMost(30));
                yield return new Figure($"{kind}: nodes without PartitionHealed 30 s later", samples.Sum($"{kind}, unhealed"), "", Figure.AtMost(0));
            }
        }

        yield return Violations(samples);
    }
}
