using System.Globalization;
using System.Text;
using System.Text.Json;
using RpcNet.BalancingSim;
using RpcNet.Cluster;

const string Usage = """
    Usage: RpcNet.BalancingSim [simulate|verify|select] [--clients N] [--seconds N] [--out FOLDER]

      simulate   strategies against workloads in virtual time: table, results-N.json and balancing-N.svg
      verify     only what is promised of one slow worker among ten; the exit code is 1 when it does not hold
      select     the cost of a selection: table and selection.json
    """;

var verb = args.FirstOrDefault(static a => !a.StartsWith('-')) ?? "simulate";
var folder = Option("--out") ?? ".";
var seconds = double.Parse(Option("--seconds") ?? "30", CultureInfo.InvariantCulture);
var clients = int.Parse(Option("--clients") ?? "4", CultureInfo.InvariantCulture);
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
        await File.WriteAllTextAsync(Path.Combine(folder, $"results-{clients}.json"), JsonSerializer.Serialize(results, json));
        await File.WriteAllTextAsync(Path.Combine(folder, $"balancing-{clients}.svg"), Plot.Draw(results, clients, seconds), Encoding.UTF8);
        return 0;
    case "verify":
        return await VerifyAsync() ? 0 : 1;
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
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"#### {workload.Name} ({workload.CallsPerSecond:0} calls/s)"));
        Console.WriteLine();
        Console.WriteLine("| strategy | share of each worker, % | failed | p50 ms | p99 ms | p99.9 ms | longest queue |");
        Console.WriteLine("|---|---|---:|---:|---:|---:|---:|");
        foreach (var strategy in Strategy.All)
        {
            var result = await new Simulation(workload, clients, warmUp: 5, seconds, seed: 42).RunAsync(strategy);
            results.Add(result);
            var shares = string.Join(' ', result.Shares.Select(static s => (s * 100).ToString("0.0", CultureInfo.InvariantCulture)));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {strategy.Name} | {shares} | {(double)result.Failed / result.Calls:P2} | {result.P50:0.0} | {result.P99:0.0} | {result.P999:0.0} | {result.MaxQueue} |"));
        }
    }

    return results;
}

async Task<bool> VerifyAsync()
{
    const double MostP99 = 2;
    const double MostShare = 0.005;
    var holds = true;
    foreach (var strategy in new[] { Strategy.LeastConnectionsWithEjection, Strategy.PeakEwma })
    {
        var healthy = await new Simulation(Workload.Uniform, clients, warmUp: 5, seconds, seed: 42).RunAsync(strategy);
        var slow = await new Simulation(Workload.OneSlow, clients, warmUp: 5, seconds, seed: 42).RunAsync(strategy);
        var ratio = slow.P99 / healthy.P99;
        holds &= ratio <= MostP99 && slow.OddShare < MostShare;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{strategy.Name}: p99 {slow.P99:0.0} ms, {ratio:0.00} times that of ten healthy workers (at most {MostP99}); the slow one gets {slow.OddShare:P2} of the calls after 5 s (less than {MostShare:P1})"));
    }

    return holds;
}
