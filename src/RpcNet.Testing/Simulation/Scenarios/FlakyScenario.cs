namespace RpcNet.Testing.Simulation.Scenarios;

/// <summary>Some nodes lose most of what they send, or fall silent every other 20 s.</summary>
internal sealed class FlakyScenario : Scenario
{
    public override string Name => "flaky";

    public override string Description =>
        "1 % of the nodes lose 80 % of what they send (odd seeds) or are silent every other 20 s (even seeds)";

    public override ScenarioParameters Defaults => new(128, 10, 0);

    public override void Run(int seed, ScenarioParameters parameters, Samples samples)
    {
        var simulation = new ClusterSimulation(Options(seed, parameters));
        simulation.Run(TimeSpan.FromSeconds(60));
        var flaky = simulation.Nodes.Take(Math.Max(1, parameters.Nodes / 100)).ToArray();
        var names = flaky.Select(n => n.Id).ToHashSet();
        var start = simulation.Now;
        var kind = seed % 2 == 0 ? "flip-flop" : "80 % loss";
        while (simulation.Now - start < TimeSpan.FromMinutes(parameters.Minutes))
        {
            foreach (var node in flaky)
            {
                node.EgressLoss = seed % 2 == 1 ? 0.8 : (int)((simulation.Now - start).TotalSeconds / 20) % 2 == 0 ? 1 : 0;
            }

            simulation.Run(TimeSpan.FromSeconds(1));
        }

        foreach (var node in flaky)
        {
            foreach (var observer in simulation.Nodes.Where(n => !names.Contains(n.Id)))
            {
                var seen = simulation.Events
                    .Where(e => e.Observer == observer.Index && e.Subject == node.Id && e.At >= start && e.Kind is SimulationEventKind.Failed or SimulationEventKind.Joined)
                    .ToArray();
                samples.Add($"{kind}, transitions", seen.Length);
                samples.Add($"{kind}, removed", seen.Where(e => e.Kind == SimulationEventKind.Failed).Select(e => (e.At - start).TotalSeconds).DefaultIfEmpty(double.PositiveInfinity).First());
            }
        }

        // What the flaky nodes themselves believe does not count.
        samples.Add("healthy", simulation.Events.Count(e =>
            e.Kind == SimulationEventKind.Failed && !names.Contains(e.Subject) && !names.Contains(simulation.Nodes[e.Observer].Id)));
        Finish(simulation, samples);
    }

    public override IEnumerable<Figure> Summarize(ScenarioParameters parameters, Samples samples)
    {
        foreach (var kind in new[] { "80 % loss", "flip-flop" })
        {
            if (samples.Count($"{kind}, transitions") > 0)
            {
                yield return new Figure($"{kind}: onset to removal, p99", samples.Percentile($"{kind}, removed", 0.99), "s", Figure.AtMost(60));
                yield return new Figure($"{kind}: transitions an observer saw, p50", samples.Percentile($"{kind}, transitions", 0.5), "");
                yield return new Figure($"{kind}: transitions an observer saw, max", samples.Max($"{kind}, transitions"), "", Figure.AtMost(2));
            }
        }

        yield return new Figure("healthy nodes removed", samples.Sum("healthy"), "", Figure.AtMost(0));
        yield return Violations(samples);
    }
}
