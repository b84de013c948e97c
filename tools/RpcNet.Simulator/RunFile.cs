using System.Globalization;
using System.Text.Json;
using RpcNet.Testing.Simulation.Scenarios;

namespace RpcNet.Simulator;

/// <summary>What <c>--json</c> writes and <c>--add</c> reads: the figures, and the values behind them.</summary>
internal sealed record RunFile(
    string Scenario,
    int Nodes,
    double Minutes,
    double Loss,
    string Seeds,
    string TraceHash,
    double ElapsedSeconds,
    RunFigure[] Figures,
    string[] Notes,
    IReadOnlyDictionary<string, double[]> Samples)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
        WriteIndented = true,
        IndentSize = 1,
    };

    public static RunFile Read(string path) =>
        JsonSerializer.Deserialize<RunFile>(File.ReadAllText(path), Json) ?? throw new InvalidDataException($"{path} is empty");

    public static void Write(
        string path,
        string scenario,
        string seeds,
        ScenarioParameters parameters,
        IEnumerable<Figure> figures,
        Samples samples,
        TimeSpan elapsed)
    {
        var file = new RunFile(
            scenario,
            parameters.Nodes,
            parameters.Minutes,
            parameters.Loss,
            seeds,
            samples.TraceHash.ToString("x16", CultureInfo.InvariantCulture),
            elapsed.TotalSeconds,
            [.. figures.Select(static f => new RunFigure(f.Name, f.Value, f.Unit, f.Target?.ToString(), f.IsMet))],
            [.. samples.Notes],
            samples.Values.ToDictionary(static v => v.Key, static v => v.Value.ToArray(), StringComparer.Ordinal));
        File.WriteAllText(path, JsonSerializer.Serialize(file, Json));
    }

    public Samples ToSamples() =>
        RpcNet.Testing.Simulation.Scenarios.Samples.From(Samples, ulong.Parse(TraceHash, NumberStyles.HexNumber, CultureInfo.InvariantCulture), Notes);
}

/// <summary>One figure of a <see cref="RunFile"/>.</summary>
internal sealed record RunFigure(string Name, double Value, string Unit, string? Target, bool? Met);
