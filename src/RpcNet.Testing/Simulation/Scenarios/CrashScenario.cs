namespace RpcNet.Testing.Simulation.Scenarios;

/// <summary>One node is killed: each survivor must report it once, soon.</summary>
internal sealed class CrashScenario : Scenario
{
    public override string Name => "crash";

    public override string Description => "one node is killed; how long until each survivor reports it, and how often";

    public override ScenarioParameters Defaults => new(128, 1, 0);

    public override void Run(int seed, ScenarioParameters parameters, Samples samples)
    {
        var simulation = new ClusterSimulation(Options(seed, parameters));
        simulation.Run(TimeSpan.FromSeconds(15));
        var victim = simulation.Nodes[(seed * 7919) % parameters.Nodes];
        var at = simulation.Now;
        simulation.Crash(victim);
        simulation.Run(TimeSpan.FromMinutes(parameters.Minutes));
        var failures = simulation.Events.Where(e => e.Kind == SimulationEventKind.Failed).ToArray();
        foreach (var failure in failures.Where(f => f.Subject == victim.Id))
        {
            samples.Add("seconds", (failure.At - at).TotalSeconds);
        }

        var first = failures.Where(f => f.Subject == victim.Id).Select(f => (f.At - at).TotalSeconds).DefaultIfEmpty(double.NaN).Min();
        samples.Add("first", first);
        samples.Add("wrong", failures.Count(f => f.Subject != victim.Id));
        samples.Add("not once", CountNotOnce(simulation, victim, failures));
        Finish(simulation, samples);
    }

    public override IEnumerable<Figure> Summarize(ScenarioParameters parameters, Samples samples)
    {
        yield return new Figure("kill to NodeFailed, first observer, p50", samples.Percentile("first", 0.5), "s");
        yield return new Figure("kill to NodeFailed, all observers, p50", samples.Percentile("seconds", 0.5), "s", Figure.AtMost(6));
        yield return new Figure("kill to NodeFailed, all observers, p99", samples.Percentile("seconds", 0.99), "s", Figure.AtMost(10));
        yield return new Figure("kill to NodeFailed, all observers, max", samples.Max("seconds"), "s");
        yield return new Figure("survivors without exactly one NodeFailed", samples.Sum("not once"), "", Figure.AtMost(0));
        yield return new Figure("NodeFailed of survivors", samples.Sum("wrong"), "", Figure.AtMost(0));
        yield return Violations(samples);
    }
}
