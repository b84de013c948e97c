namespace RpcNet.Testing.Simulation.Scenarios;

/// <summary>A process dies and starts again at its address, many times.</summary>
internal sealed class RestartScenario : Scenario
{
    public override string Name => "restart";

    public override string Description => "a node is killed and started again at its address, then 1,000 times in a row";

    public override ScenarioParameters Defaults => new(32, 10, 0);

    public override void Run(int seed, ScenarioParameters parameters, Samples samples)
    {
        var simulation = new ClusterSimulation(Options(seed, parameters));
        simulation.Run(TimeSpan.FromSeconds(15));
        var node = simulation.Nodes[parameters.Nodes - 1];
        simulation.Crash(node);
        simulation.Run(TimeSpan.FromMilliseconds(500));
        var at = simulation.Now;
        simulation.Restart(node);
        var generation = node.Machine.Local.Generation;
        simulation.Run(TimeSpan.FromSeconds(30));
        foreach (var observer in simulation.Nodes.Where(n => n != node))
        {
            var story = simulation.Events.Where(e => e.Observer == observer.Index && e.Subject == node.Id && e.Kind is SimulationEventKind.Joined or SimulationEventKind.Failed or SimulationEventKind.Left).ToArray();
            var joined = Array.FindIndex(story, e => e.Kind == SimulationEventKind.Joined && e.Generation == generation);
            samples.Add("seen", joined < 0 ? double.PositiveInfinity : (story[joined].At - at).TotalSeconds);
            samples.Add("disorder", joined > 0 && story[joined - 1].Kind == SimulationEventKind.Failed && joined == story.Length - 1 ? 0 : 1);
        }

        for (var i = 0; i < 1000; i++)
        {
            simulation.Restart(node);
            simulation.Run(TimeSpan.FromMilliseconds(200));
        }

        simulation.Run(TimeSpan.FromSeconds(60));
        foreach (var observer in simulation.Nodes)
        {
            samples.Add("rows", observer.Machine.Table.Live.Count + observer.Machine.Table.Dead.Count + 1);
        }

        samples.Add("diverged", simulation.IsConverged() ? 0 : 1);
        Finish(simulation, samples);
    }

    public override IEnumerable<Figure> Summarize(ScenarioParameters parameters, Samples samples)
    {
        yield return new Figure("restart to NodeJoined, p50", samples.Percentile("seen", 0.5), "s");
        yield return new Figure("restart to NodeJoined, max", samples.Max("seen"), "s", Figure.AtMost(2));
        yield return new Figure("observers that did not see the old life end first", samples.Sum("disorder"), "", Figure.AtMost(0));
        yield return new Figure("rows of a table after 1,000 restarts, max", samples.Max("rows"), "", Figure.AtMost(parameters.Nodes));
        yield return new Figure("runs whose views differ afterwards", samples.Sum("diverged"), "", Figure.AtMost(0));
        yield return Violations(samples);
    }
}
