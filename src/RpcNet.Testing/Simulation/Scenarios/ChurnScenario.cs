namespace RpcNet.Testing.Simulation.Scenarios;

/// <summary>Nodes come, go, crash and return all the time.</summary>
internal sealed class ChurnScenario : Scenario
{
    public override string Name => "churn";

    public override string Description => "every 5 s a node crashes, leaves, restarts or comes anew";

    public override ScenarioParameters Defaults => new(64, 10, 0.01);

    public override void Run(int seed, ScenarioParameters parameters, Samples samples)
    {
        var random = new Random(seed);
        var simulation = new ClusterSimulation(Options(seed, parameters, convergedStart: false));
        simulation.Run(TimeSpan.FromSeconds(30));
        var touched = new HashSet<string>(StringComparer.Ordinal);
        var end = simulation.Now + TimeSpan.FromMinutes(parameters.Minutes);
        while (simulation.Now < end)
        {
            var node = simulation.Nodes[random.Next(3, simulation.Nodes.Count)];
            touched.Add(node.Id.Value);
            switch (random.Next(4))
            {
                case 0 when node.IsRunning:
                    simulation.Crash(node);
                    break;
                case 1 when node.IsRunning:
                    simulation.Leave(node);
                    break;
                case 2 when simulation.Nodes.Count < 2 * parameters.Nodes:
                    touched.Add(simulation.AddNode().Id.Value);
                    break;
                default:
                    simulation.Restart(node);
                    break;
            }

            simulation.Run(TimeSpan.FromSeconds(5));
        }

        samples.Add("untouched", simulation.Events.Count(e => e.Kind == SimulationEventKind.Failed && !touched.Contains(e.Subject.Value)));
        simulation.Network.Loss = 0;
        var calm = simulation.Now;
        var equal = simulation.Run(TimeSpan.FromMinutes(5), simulation.IsConvergedEverySecond);
        samples.Add("equal", equal ? (simulation.Now - calm).TotalSeconds : double.PositiveInfinity);
        samples.Add("bytes", simulation.Nodes.Sum(n => (double)n.SentBytes) / parameters.Nodes / simulation.Now.TotalSeconds);
        Finish(simulation, samples);
    }

    public override IEnumerable<Figure> Summarize(ScenarioParameters parameters, Samples samples)
    {
        yield return new Figure("NodeFailed of nodes that were left alone", samples.Sum("untouched"), "", Figure.AtMost(0));
        yield return new Figure("last change to equal views, p50", samples.Percentile("equal", 0.5), "s");
        yield return new Figure("last change to equal views, max", samples.Max("equal"), "s", Figure.AtMost(60));
        yield return new Figure("bytes sent per node", samples.Mean("bytes"), "B/s");
        yield return Violations(samples);
    }
}
