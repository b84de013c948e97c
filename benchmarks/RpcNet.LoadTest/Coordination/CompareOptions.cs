using System.Globalization;

namespace RpcNet.LoadTest.Coordination;

/// <summary>What <c>compare</c> is to run.</summary>
internal sealed record CompareOptions
{
    public IReadOnlyList<string> Systems { get; private init; } = ["rpcnet", "grpc", "streamjsonrpc", "orleans", "bare"];

    public IReadOnlyList<Scenario> Scenarios { get; private init; } = Scenario.All;

    /// <summary>Calls in flight of the 100-byte unary scenario.</summary>
    public IReadOnlyList<int> Concurrency { get; private init; } = [1, 64, 512];

    /// <summary>The measured part of each window.</summary>
    public double Seconds { get; private init; } = 2;

    /// <summary>Windows of each system in each scenario; results are medians.</summary>
    public int Rounds { get; private init; } = 3;

    /// <summary>Load before the first window of a scenario, for the JIT compiler and the caches.</summary>
    public double WarmUpSeconds { get; private init; } = 2;

    /// <summary>Connections of the idle scenario.</summary>
    public int Connections { get; private init; } = 10_000;

    public string? JsonFile { get; private init; }

    public string? HtmlFile { get; private init; }

    /// <exception cref="UsageException">An option or a value is unknown.</exception>
    public static CompareOptions Parse(IEnumerable<string> arguments)
    {
        var options = new CompareOptions();
        var rest = new Queue<string>(arguments);
        while (rest.TryDequeue(out var name))
        {
            options = name switch
            {
                "--quick" => options with
                {
                    Seconds = 0.5,
                    Rounds = 1,
                    WarmUpSeconds = 0.5,
                    Connections = 100,
                    Scenarios = Scenario.Select(["unary", "unary-16k", "server-stream", "bulk", "connect", "mixed", "idle"]),
                },
                "--systems" => options with { Systems = Names(name, rest) },
                "--scenarios" => options with { Scenarios = Scenario.Select(Names(name, rest)) },
                "--concurrency" => options with { Concurrency = [.. Names(name, rest).Select(v => (int)Number(name, v, 1, 4096))] },
                "--seconds" => options with { Seconds = Number(name, Value(name, rest), 0.1, 600) },
                "--warmup" => options with { WarmUpSeconds = Number(name, Value(name, rest), 0, 600) },
                "--rounds" => options with { Rounds = (int)Number(name, Value(name, rest), 1, 100) },
                "--connections" => options with { Connections = (int)Number(name, Value(name, rest), 1, 100_000) },
                "--json" => options with { JsonFile = Value(name, rest) },
                "--html" => options with { HtmlFile = Value(name, rest) },
                _ => throw new UsageException($"{name} is no option; try --help"),
            };
        }

        return options;
    }

    public static string Value(string option, Queue<string> rest) =>
        rest.TryDequeue(out var value) ? value : throw new UsageException($"{option} needs a value");

    public static double Number(string option, string value, double min, double max) =>
        double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= min && number <= max
            ? number
            : throw new UsageException($"{option} takes a number from {min} to {max}, not '{value}'");

    private static string[] Names(string option, Queue<string> rest) =>
        Value(option, rest).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
