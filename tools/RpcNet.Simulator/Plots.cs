using System.Globalization;
using RpcNet.Testing.Simulation.Scenarios;

namespace RpcNet.Simulator;

/// <summary>Plays scenarios at growing numbers of nodes and draws what comes out.</summary>
internal static class Plots
{
    public static int Draw(string directory, (int From, int To) seeds, int most)
    {
        Directory.CreateDirectory(directory);
        var sizes = new List<int>();
        for (var nodes = 8; nodes <= most; nodes *= 2)
        {
            sizes.Add(nodes);
        }

        var crash = Play("crash", new ScenarioParameters(0, 0.5, 0));
        var tags = Play("tags", new ScenarioParameters(0, 0.5, 0.1));
        var steady = Play("steady", new ScenarioParameters(0, 0.5, 0));
        var note = $"simulated, defaults, seeds {seeds.From}..{seeds.To}";
        Write("detection.svg", new Chart(
            "Crash to NodeFailed",
            $"{note}, no loss",
            "seconds",
            [Line("first observer, p50", crash, s => s.Percentile("first", 0.5)), Line("all observers, p50", crash, s => s.Percentile("seconds", 0.5)), Line("all observers, p99", crash, s => s.Percentile("seconds", 0.99))]));
        Write("dissemination.svg", new Chart(
            "New tags to TagsChanged at the others",
            $"{note}, 10 % loss",
            "seconds",
            [Line("p50", tags, s => s.Percentile("seconds", 0.5)), Line("p99", tags, s => s.Percentile("seconds", 0.99)), Line("max", tags, s => s.Max("seconds"))]));
        Write("load.svg", new Chart(
            "Gossip that a node sends while nothing happens",
            $"{note}, no loss",
            "bytes a second",
            [Line("bytes of messages", steady, s => s.Mean("bytes"))]));
        return 0;

        List<(int Nodes, Samples Samples)> Play(string name, ScenarioParameters parameters)
        {
            var scenario = Scenario.All.Single(s => s.Name == name);
            var played = new List<(int, Samples)>();
            foreach (var nodes in sizes)
            {
                Console.WriteLine($"  {name}, {nodes} nodes");
                var samples = new Samples();
                var gate = new Lock();
                Parallel.For(seeds.From, seeds.To + 1, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, seed =>
                {
                    var own = new Samples();
                    scenario.Run(seed, parameters with { Nodes = nodes }, own);
                    lock (gate)
                    {
                        samples.Merge(own);
                    }
                });
                played.Add((nodes, samples));
            }

            return played;
        }

        void Write(string file, Chart chart)
        {
            var path = Path.Combine(directory, file);
            File.WriteAllText(path, chart.ToSvg());
            Console.WriteLine($"{path}: {chart.Title}");
            foreach (var series in chart.Series)
            {
                Console.WriteLine($"  {series.Name,-24} {string.Join("  ", series.Points.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.X}: {p.Y:0.##}")))}");
            }
        }

        static Series Line(string name, List<(int Nodes, Samples Samples)> played, Func<Samples, double> figure) =>
            new(name, [.. played.Select(p => ((double)p.Nodes, figure(p.Samples)))]);
    }
}
