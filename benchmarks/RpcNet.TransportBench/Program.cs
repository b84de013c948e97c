using System.Globalization;
using RpcNet.TransportBench;

// Usage: dotnet run -c Release --project benchmarks/RpcNet.TransportBench -- [--seconds N] [--rounds N] [--scenarios a,b,…]
//        … -- bare [--seconds N] [--rounds N] [--scenarios a,b,…]      the ngtcp2 engine beside a bare libngtcp2 loop
//        … -- idle [--connections N]               what idle connections cost, and whether they answer
//        dotnet run -c Release --project benchmarks/RpcNet.TransportBench -- faults [--help]
if (args is ["faults", ..])
{
    if (args.Contains("--help"))
    {
        Console.WriteLine(FaultFigures.Usage);
        return 0;
    }

    return await FaultFigures.RunAsync(Text, name => args.Contains(name));
}

var seconds = Number("--seconds", 2);
var rounds = (int)Number("--rounds", 3);
var wanted = Text("--scenarios")?.Split(',');

if (args.FirstOrDefault() == "bare")
{
    await BareScenarios.RunAsync((int)Number("--rounds", 12), TimeSpan.FromSeconds(Number("--seconds", 1)), Wanted);
    return 0;
}

foreach (var engine in Engines.All())
{
    Console.WriteLine(engine.Reason is { } reason ? $"{engine.Name}: skipped, {reason}" : $"{engine.Name}: {engine.Version}");
    if (engine.Reason is not null)
    {
        continue;
    }

    if (args.FirstOrDefault() == "idle")
    {
        await IdleScenario.RunAsync(engine, (int)Number("--connections", 10_000));
        continue;
    }

    foreach (var (name, run) in Scenarios.All())
    {
        if (!Wanted(name))
        {
            continue;
        }

        var results = new List<Result>();
        for (var round = 0; round < rounds; round++)
        {
            results.Add(await run(engine, TimeSpan.FromSeconds(seconds)));
        }

        results.Sort((a, b) => a.Rate.CompareTo(b.Rate));
        var median = results[results.Count / 2];
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  {name,-24} {median.Rate,12:N0} {median.Unit,-12} ({results[0].Rate:N0} … {results[^1].Rate:N0}), {median.CpuMicrosecondsPerOperation:N2} µs of CPU and {median.BytesPerOperation:N0} B per operation"));
    }
}

return 0;

bool Wanted(string name) => wanted is null || wanted.Any(name.StartsWith);

double Number(string name, double fallback) =>
    Text(name) is { } text ? double.Parse(text, CultureInfo.InvariantCulture) : fallback;

string? Text(string name)
{
    var at = Array.IndexOf(args, name);
    return at >= 0 && at + 1 < args.Length ? args[at + 1] : null;
}
