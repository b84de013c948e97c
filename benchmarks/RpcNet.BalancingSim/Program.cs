using System.Globalization;
using System.Text;
using System.Text.Json;
using RpcNet.BalancingSim;
using RpcNet.Cluster;

const string Usage = """
    Usage: RpcNet.BalancingSim [simulate|select] [--seconds N] [--out FOLDER]

      simulate   strategies against workloads in virtual time: table, results.json and balancing.svg
      select     the cost of a selection: table and selection.json
    """;

var verb = args.FirstOrDefault(static a => !a.StartsWith('-')) ?? "simulate";
var folder = Option("--out") ?? ".";
var seconds = double.Parse(Option("--seconds") ?? "30", CultureInfo.InvariantCulture);
var json = new JsonSerializerOptions { WriteIndented = true, NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals };
switch (verb)
{
    case "select":
        var costs = await SelectionCost.MeasureAsync(Console.Out);
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "selection.json"), JsonSerializer.Serialize(costs, json));
        return 0;
    case "simulate":
        var results = await SimulateAsync();
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "results.json"), JsonSerializer.Serialize(results, json));
        await File.WriteAllTextAsync(Path.Combine(folder, "balancing.svg"), Plot.Draw(results), Encoding.UTF8);
        return 0;
    default:
        Console.Error.WriteLine(Usage);
        return 2;
}

string? Option(string name) => Array.IndexOf(args, name) is var i and >= 0 && i + 1 < args.Length ? args[i + 1] : null;

async Task<List<Result>> SimulateAsync()
{
    var results = new List<Result>();
    foreach (var workload in Workload.All)
    {
        Console.WriteLine();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"### {workload.Name} ({workload.CallsPerSecond:0} calls/s)"));
        Console.WriteLine();
        Console.WriteLine("| strategy | share least … most | odd worker | failed | p50 ms | p99 ms | p99.9 ms | longest queue |");
        Console.WriteLine("|---|---|---:|---:|---:|---:|---:|---:|");
        foreach (var (name, configure) in Strategies())
        {
            var result = await new Simulation(workload, warmUp: 5, seconds, seed: 42).RunAsync(name, configure);
            results.Add(result);
            var odd = double.IsNaN(result.OddShare) ? "" : result.OddShare.ToString("P2", CultureInfo.InvariantCulture);
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {name} | {result.Shares.Min():P1} … {result.Shares.Max():P1} | {odd} | {(double)result.Failed / result.Calls:P2} | {result.P50:0.0} | {result.P99:0.0} | {result.P999:0.0} | {result.MaxQueue} |"));
        }
    }

    return results;
}

static IEnumerable<(string Name, Action<WorkerRegistryOptions> Configure)> Strategies()
{
    foreach (var strategy in Enum.GetValues<LoadBalancingStrategy>())
    {
        yield return ($"{strategy}", o =>
        {
            o.Strategy = strategy;
            o.Outliers.Enabled = false;
        });
    }

    foreach (var strategy in new[] { LoadBalancingStrategy.LeastConnections, LoadBalancingStrategy.PeakEwma, LoadBalancingStrategy.RoundRobin })
    {
        yield return ($"{strategy} + ejection", o => o.Strategy = strategy);
    }
}
