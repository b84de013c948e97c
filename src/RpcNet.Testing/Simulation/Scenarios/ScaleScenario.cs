namespace RpcNet.Testing.Simulation.Scenarios;

/// <summary>Cost and speed at size. Above 2,000 nodes the start is converged and only the crash is played.</summary>
internal sealed class ScaleScenario : Scenario
{
    public override string Name => "scale";

    public override string Description => "bootstrap, steady cost, and a crash at size (above 2,000 nodes from a converged start)";

    public override ScenarioParameters Defaults => new(1000, 2, 0);

    public override void Run(int seed, ScenarioParameters parameters, Samples samples)
    {
        var bootstrap = parameters.Nodes <= 2000;
        var simulation = new ClusterSimulation(Options(seed, parameters, convergedStart: !bootstrap));
        if (bootstrap)
        {
            var joined = simulation.Run(TimeSpan.FromMinutes(2), simulation.IsFullyJoinedEveryTick);
            samples.Add("bootstrap", joined ? simulation.Now.TotalSeconds : double.PositiveInfinity);
            var quiet = simulation.Run(TimeSpan.FromMinutes(5), simulation.IsQuietEverySecond);
            samples.Add("quiet", quiet ? simulation.Now.TotalSeconds : double.PositiveInfinity);
            samples.Add("bootstrap bytes", simulation.Nodes.Average(n => (double)n.SentBytes));
        }

        simulation.Run(TimeSpan.FromSeconds(2));
        var start = simulation.Now;
        var bytes = simulation.Nodes.Sum(n => n.SentBytes);
        var messages = simulation.Nodes.Sum(n => n.SentMessages);
        Array.Clear(simulation.BytesPerSecond);
        foreach (var node in simulation.Nodes)
        {
            node.Connections = new ConnectionModel(simulation.Options.Cluster.Connections, parameters.Nodes);
        }

        // The model starts without connections, so the first half fills it and the second one counts.
        simulation.Run(TimeSpan.FromMinutes(parameters.Minutes / 4));
        var opened = simulation.Nodes.Sum(static n => n.Connections!.Opened);
        var half = simulation.Now;
        simulation.Run(TimeSpan.FromMinutes(parameters.Minutes / 4));
        samples.Add("opened", (simulation.Nodes.Sum(static n => n.Connections!.Opened) - opened) / (simulation.Now - half).TotalSeconds / parameters.Nodes);
        samples.Add("open", simulation.Nodes.Average(static n => (double)n.Connections!.Open));
        foreach (var node in simulation.Nodes)
        {
            node.Connections = null;
        }

        var seconds = (simulation.Now - start).TotalSeconds;
        samples.Add("bytes", (simulation.Nodes.Sum(n => n.SentBytes) - bytes) / seconds / parameters.Nodes);
        samples.Add("messages", (simulation.Nodes.Sum(n => n.SentMessages) - messages) / seconds / parameters.Nodes);
        samples.Add("p99", simulation.BytesPercentile(0.99));
        var at = simulation.Now;
        var victim = simulation.Nodes[parameters.Nodes / 2];
        simulation.Crash(victim);
        simulation.Run(TimeSpan.FromMinutes(parameters.Minutes / 2));
        var failures = simulation.Events.Where(e => e.Kind == SimulationEventKind.Failed && e.At >= at).ToArray();
        foreach (var failure in failures.Where(f => f.Subject == victim.Id))
        {
            samples.Add("seconds", (failure.At - at).TotalSeconds);
        }

        samples.Add("wrong", failures.Count(f => f.Subject != victim.Id));
        samples.Add("not once", CountNotOnce(simulation, victim, failures));
        samples.Add("crash p99", simulation.BytesPercentile(0.99));
        Finish(simulation, samples);
    }

    public override IEnumerable<Figure> Summarize(ScenarioParameters parameters, Samples samples)
    {
        if (samples.Count("bootstrap") > 0)
        {
            yield return new Figure("all started at once to all joined, max", samples.Max("bootstrap"), "s", Figure.AtMost(15));
            yield return new Figure("bootstrap: until nobody has news to pass on, max", samples.Max("quiet"), "s");
            yield return new Figure("bootstrap: bytes sent per node until then", samples.Mean("bootstrap bytes"), "B");
        }

        yield return new Figure("steady: messages sent per node", samples.Mean("messages"), "1/s");
        yield return new Figure("steady: bytes of messages sent per node", samples.Mean("bytes"), "B/s", Figure.AtMost(1024));
        yield return new Figure("steady: bytes a node sends in a second, p99", samples.Max("p99"), "B/s", Figure.AtMost(6144));
        yield return new Figure("steady: connections a node opens", samples.Mean("opened"), "1/s");
        yield return new Figure("steady: connections a node has opened and keeps", samples.Mean("open"), "");
        yield return new Figure("crash: bytes a node sends in a second, p99", samples.Max("crash p99"), "B/s", Figure.AtMost(6144));
        yield return new Figure("crash to NodeFailed, p50", samples.Percentile("seconds", 0.5), "s");
        yield return new Figure("crash to NodeFailed, p99", samples.Percentile("seconds", 0.99), "s");
        yield return new Figure("crash to NodeFailed, max", samples.Max("seconds"), "s");
        yield return new Figure("observers without exactly one NodeFailed", samples.Sum("not once"), "", Figure.AtMost(0));
        yield return new Figure("NodeFailed of others", samples.Sum("wrong"), "", Figure.AtMost(0));
        yield return Violations(samples);
    }
}
