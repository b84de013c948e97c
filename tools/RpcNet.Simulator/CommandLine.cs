using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using RpcNet.Testing.Simulation.Scenarios;

namespace RpcNet.Simulator;

/// <summary>What the command line asks for.</summary>
internal sealed record CommandLine(string Scenario, int? Nodes, (int From, int To) Seeds, double? Minutes, double? Loss, int Ticks, string? Json, string? Add, string? Svg)
{
    public static bool TryParse(string[] args, [NotNullWhen(true)] out CommandLine? command, out string? error)
    {
        command = null;
        error = null;
        var parsed = new CommandLine(string.Empty, null, (1, 10), null, null, 5000, null, null, null);
        for (var i = 0; i < args.Length; i += 2)
        {
            if (i + 1 >= args.Length)
            {
                error = args[i] is "--help" or "-h" ? null : $"{args[i]} lacks its value";
                return false;
            }

            var value = args[i + 1];
            try
            {
                parsed = args[i] switch
                {
                    "--scenario" => parsed with { Scenario = value },
                    "--nodes" => parsed with { Nodes = int.Parse(value, CultureInfo.InvariantCulture) },
                    "--seeds" => parsed with { Seeds = ParseSeeds(value) },
                    "--minutes" => parsed with { Minutes = double.Parse(value, CultureInfo.InvariantCulture) },
                    "--loss" => parsed with { Loss = double.Parse(value, CultureInfo.InvariantCulture) },
                    "--ticks" => parsed with { Ticks = int.Parse(value, CultureInfo.InvariantCulture) },
                    "--json" => parsed with { Json = value },
                    "--svg" => parsed with { Svg = value },
                    "--add" => File.Exists(value) ? parsed with { Add = value } : throw new FormatException("there is no such file"),
                    _ => throw new FormatException($"{args[i]} is no option"),
                };
            }
            catch (Exception e) when (e is FormatException or OverflowException)
            {
                error = $"{args[i]} {value}: {e.Message}";
                return false;
            }
        }

        if (parsed.Scenario is not ("sweep" or "plots") && !RpcNet.Testing.Simulation.Scenarios.Scenario.All.Any(s => s.Name == parsed.Scenario))
        {
            error = parsed.Scenario.Length == 0 ? null : $"there is no scenario '{parsed.Scenario}'";
            return false;
        }

        if (parsed is { Nodes: < 2 } or { Minutes: <= 0 } or { Loss: < 0 or >= 1 } or { Ticks: < 100 } || parsed.Seeds.From > parsed.Seeds.To)
        {
            error = "--nodes must be at least 2, --minutes above 0, --loss from 0 to below 1, --ticks at least 100, --seeds A..B with A <= B";
            return false;
        }

        if (parsed.Scenario == "plots" != parsed.Svg is not null)
        {
            error = "--scenario plots and --svg DIRECTORY go together";
            return false;
        }

        command = parsed;
        return true;
    }

    public static int Explain(string? error)
    {
        var output = error is null ? Console.Out : Console.Error;
        if (error is not null)
        {
            output.WriteLine($"error: {error}");
        }

        output.WriteLine("usage: --scenario NAME [--nodes N] [--seeds A..B] [--minutes M] [--loss P] [--ticks T] [--json FILE] [--add FILE]");
        output.WriteLine("  --json writes the figures and all values behind them; --add takes those values of an earlier run into the figures");
        foreach (var scenario in RpcNet.Testing.Simulation.Scenarios.Scenario.All)
        {
            var d = scenario.Defaults;
            output.WriteLine($"  {scenario.Name,-10} {scenario.Description} (by default {d.Nodes} nodes, {d.Minutes} min, loss {d.Loss:P0})");
        }

        output.WriteLine($"  {"sweep",-10} random faults on small clusters, invariants checked after each step (by default 5,000 ticks)");
        output.WriteLine($"  {"plots",-10} detection time, dissemination and message load against the number of nodes, as pictures in --svg DIRECTORY");
        return error is null ? 0 : 2;
    }

    private static (int From, int To) ParseSeeds(string text)
    {
        var dots = text.IndexOf("..", StringComparison.Ordinal);
        return dots < 0
            ? (int.Parse(text, CultureInfo.InvariantCulture), int.Parse(text, CultureInfo.InvariantCulture))
            : (int.Parse(text[..dots], CultureInfo.InvariantCulture), int.Parse(text[(dots + 2)..], CultureInfo.InvariantCulture));
    }
}
