namespace RpcNet.Testing.Simulation.Scenarios;

/// <summary>Nothing happens on a lossy network: nobody may fail.</summary>
internal sealed class SteadyScenario : Scenario
{
    public override string Name => "steady";

    public override string Description => "nothing happens on a lossy network with 20 ms jitter; nobody may be declared failed";

    public override ScenarioParameters Defaults => new(128, 10, 0.05);

    public override void Run(int seed, ScenarioParameters parameters, Samples samples)
    {
        var simulation = new ClusterSimulation(Options(seed, parameters));
        simulation.Run(TimeSpan.FromMinutes(parameters.Minutes));
        samples.Add("failed", simulation.Events.Count(e => e.Kind == SimulationEventKind.Failed));
        samples.Add("suspicions", simulation.Nodes.Sum(n => (double)n.Machine.Statistics.SuspicionsOriginated));
        samples.Add("phi", simulation.Nodes.Sum(n => (double)n.Machine.Statistics.PhiSuspicions));
        samples.Add("bytes", simulation.Nodes.Sum(n => (double)n.SentBytes) / parameters.Nodes / simulation.Now.TotalSeconds);
        samples.Add("messages", simulation.Nodes.Sum(n => (double)n.SentMessages) / parameters.Nodes / simulation.Now.TotalSeconds);
        Finish(simulation, samples);
    }

    public override IEnumerable<Figure> Summarize(ScenarioParameters parameters, Samples samples)
    {
        yield return new Figure("NodeFailed events, all seeds", samples.Sum("failed"), "", Figure.AtMost(0));
        yield return new Figure("suspicions originated a run, mean", samples.Mean("suspicions"), "");
        yield return new Figure("suspicions originated a run, max", samples.Max("suspicions"), "", Figure.AtMost(150));
        yield return new Figure("of these by phi a run, mean", samples.Mean("phi"), "");
        yield return new Figure("messages sent per node", samples.Mean("messages"), "1/s");
        yield return new Figure("bytes sent per node", samples.Mean("bytes"), "B/s");
        yield return Violations(samples);
    }
}
