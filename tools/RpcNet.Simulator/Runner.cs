using System.Diagnostics;
using System.Globalization;
using RpcNet.Testing.Simulation;
using RpcNet.Testing.Simulation.Scenarios;

namespace RpcNet.Simulator;

/// <summary>Plays a scenario over all seeds, in parallel, and reports.</summary>
internal static class Runner
{
    public static int Run(CommandLine command)
    {
        if (command.Svg is { } directory)
        {
            return Plots.Draw(directory, command.Seeds, command.Nodes ?? 1024);
        }

        var clock = Stopwatch.StartNew();
        var samples = new Samples();
        var scenario = Scenario.All.FirstOrDefault(s => s.Name == command.Scenario);
        var parameters = scenario is null
            ? new ScenarioParameters(0, 0, 0)
            : new ScenarioParameters(
                command.Nodes ?? scenario.Defaults.Nodes,
                command.Minutes ?? scenario.Defaults.Minutes,
                command.Loss ?? scenario.Defaults.Loss);
        Console.WriteLine(scenario is null
            ? $"sweep: random faults, {command.Ticks} ticks of {FaultSweep.Tick.TotalMilliseconds} ms, seeds {command.Seeds.From}..{command.Seeds.To}"
            : $"{scenario.Name}: {scenario.Description}");
        if (scenario is not null)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  {parameters.Nodes} nodes, {parameters.Minutes} min, loss {parameters.Loss:P0}, seeds {command.Seeds.From}..{command.Seeds.To}"));
        }

        var total = command.Seeds.To - command.Seeds.From + 1;
        var done = 0;
        var gate = new Lock();
        Parallel.For(command.Seeds.From, command.Seeds.To + 1, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, seed =>
        {
            var own = new Samples();
            if (scenario is null)
            {
                Sweep(seed, command.Ticks, own);
            }
            else
            {
                scenario.Run(seed, parameters, own);
            }

            lock (gate)
            {
                samples.Merge(own);
                done++;
                Progress(done, total, clock.Elapsed);
            }
        });

        var seeds = $"{command.Seeds.From}..{command.Seeds.To}";
        if (command.Add is { } earlier)
        {
            var document = RunFile.Read(earlier);
            if (document.Scenario != command.Scenario || document.Nodes != parameters.Nodes || document.Minutes != parameters.Minutes || document.Loss != parameters.Loss)
            {
                Console.Error.WriteLine($"error: {earlier} is of another scenario or other parameters");
                return 2;
            }

            samples.Merge(document.ToSamples());
            total = samples.Count("violations");
            seeds = $"{document.Seeds}, {seeds}";
        }

        var figures = scenario is null ? SummarizeSweep(samples, total) : [.. scenario.Summarize(parameters, samples)];
        Print(figures, samples, clock.Elapsed);
        if (command.Json is { } path)
        {
            RunFile.Write(path, command.Scenario, seeds, parameters, figures, samples, clock.Elapsed);
            Console.WriteLine($"  figures written to {path}");
        }

        return figures.Any(f => f.IsMet == false) ? 1 : 0;
    }

    private static void Sweep(int seed, int ticks, Samples samples)
    {
        var result = FaultSweep.Run(seed, ticks);
        samples.Add("steps", result.Steps);
        samples.Add("violations", result.Violations.Count);
        samples.Add("trace", result.TraceHash);
        foreach (var violation in result.Violations)
        {
            samples.Note(violation);
        }
    }

    private static Figure[] SummarizeSweep(Samples samples, int seeds) =>
    [
        new Figure("seeds", seeds, ""),
        new Figure("steps", samples.Sum("steps"), ""),
        new Figure("invariants broken", samples.Sum("violations"), "", Figure.AtMost(0)),
    ];

    private static void Progress(int done, int total, TimeSpan elapsed)
    {
        var left = elapsed / done * (total - done);
        var line = $"  {done}/{total} seeds, {elapsed:hh\\:mm\\:ss}, about {left:hh\\:mm\\:ss} left";
        if (!Console.IsOutputRedirected)
        {
            Console.Write($"\r{line}   ");
        }
        else if (done == total || done % Math.Max(1, total / 10) == 0)
        {
            Console.WriteLine(line);
        }
    }

    private static void Print(Figure[] figures, Samples samples, TimeSpan elapsed)
    {
        Console.WriteLine();
        foreach (var figure in figures)
        {
            var value = figure.Value.ToString(Math.Abs(figure.Value) >= 100 ? "0" : "0.###", CultureInfo.InvariantCulture);
            var verdict = figure.IsMet switch
            {
                null => string.Empty,
                true => $"met ({figure.Target})",
                false => $"NOT MET ({figure.Target})",
            };
            Console.WriteLine($"  {figure.Name,-55} {value,12} {figure.Unit,-4} {verdict}");
        }

        foreach (var note in samples.Notes)
        {
            Console.WriteLine($"  ! {note}");
        }

        Console.WriteLine($"  trace {samples.TraceHash:x16}, {elapsed.TotalSeconds:0.0} s");
    }
}
