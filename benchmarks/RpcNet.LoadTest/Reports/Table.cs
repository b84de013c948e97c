using System.Globalization;
using RpcNet.LoadTest.Coordination;

namespace RpcNet.LoadTest.Reports;

/// <summary>The results as text: a table for each scenario, as Markdown, so that it can be pasted.</summary>
internal static class Table
{
    public static void Write(TextWriter output, IReadOnlyList<ResultRow> rows)
    {
        foreach (var group in rows.GroupBy(static r => (r.Scenario, r.Concurrency)))
        {
            var scenario = Scenario.All.First(s => s.Name == group.Key.Scenario);
            output.WriteLine();
            output.WriteLine($"### {scenario.Title}; {group.Key.Concurrency:N0} {Unit(scenario)}");
            output.WriteLine();
            WriteAligned(output, [Header(scenario), .. group.Select(r => Cells(scenario, r))]);
            foreach (var row in group.Where(static r => r.Note is not null))
            {
                output.WriteLine();
                output.WriteLine($"{row.System} {row.Engine}: {row.Note}");
            }
        }
    }

    /// <summary>What concurrency counts.</summary>
    public static string Unit(Scenario scenario) => scenario.Kind switch
    {
        WorkKind.Idle => "connections",
        WorkKind.Connect => "at once",
        _ when scenario.IsStream => "streams",
        _ => "in flight",
    };

    private static string[] Header(Scenario scenario) => scenario switch
    {
        { Kind: WorkKind.Idle } => ["system", "engine", "KiB/connection", "of it managed", "server MiB", "connects/s", "errors"],
        { IsStream: true } =>
        [
            "system", "engine", "messages/s", "MB/s", "spread", "CPU µs/message client", "server", "B/message client", "server", "× grpc", "errors",
        ],
        { Kind: WorkKind.UnaryBesideStream } =>
        [
            "system", "engine", "calls/s", "stream MB/s", "spread", "p50 µs", "p99 µs", "p99.9 µs", "× grpc", "errors",
        ],
        _ =>
        [
            "system", "engine", "calls/s", "spread", "p50 µs", "p99 µs", "p99.9 µs", "CPU µs/call client", "server", "B/call client", "server",
            "× grpc", "errors",
        ],
    };

    private static string[] Cells(Scenario scenario, ResultRow r)
    {
        if (r.CallsPerSecond == 0)
        {
            var empty = new string[Header(scenario).Length];
            Array.Fill(empty, "");
            (empty[0], empty[1], empty[2], empty[^1]) = (r.System, r.Engine, r.Errors == 0 ? "n/a" : "failed", Number(r.Errors));
            return empty;
        }

        var ratio = r.RatioToGrpc == 0 ? "" : r.RatioToGrpc.ToString("0.00", CultureInfo.InvariantCulture);
        var errors = Number(r.Errors);
        return scenario switch
        {
            { Kind: WorkKind.Idle } =>
            [
                r.System, r.Engine, Small(r.BytesPerConnection / 1024), Small(r.HeapBytesPerConnection / 1024), Number(r.WorkingSetMiB),
                Number(r.CallsPerSecond), errors,
            ],
            { IsStream: true } =>
            [
                r.System, r.Engine, Number(r.CallsPerSecond), Number(r.MegabytesPerSecond), $"{r.SpreadPercent:0} %",
                Small(r.ClientCpuUsPerCall), Small(r.ServerCpuUsPerCall), Number(r.ClientBytesPerCall), Number(r.ServerBytesPerCall), ratio, errors,
            ],
            { Kind: WorkKind.UnaryBesideStream } =>
            [
                r.System, r.Engine, Number(r.CallsPerSecond), Number(r.MegabytesPerSecond), $"{r.SpreadPercent:0} %",
                Number(r.P50Us), Number(r.P99Us), Number(r.P999Us), ratio, errors,
            ],
            _ =>
            [
                r.System, r.Engine, Number(r.CallsPerSecond), $"{r.SpreadPercent:0} %", Number(r.P50Us), Number(r.P99Us), Number(r.P999Us),
                Small(r.ClientCpuUsPerCall), Small(r.ServerCpuUsPerCall), Number(r.ClientBytesPerCall), Number(r.ServerBytesPerCall), ratio, errors,
            ],
        };
    }

    private static string Number(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Small(double value) => value.ToString(value < 10 ? "0.00" : "N1", CultureInfo.InvariantCulture);

    private static void WriteAligned(TextWriter output, IReadOnlyList<string[]> rows)
    {
        var widths = Enumerable.Range(0, rows[0].Length).Select(c => rows.Max(r => r[c].Length)).ToArray();
        for (var i = 0; i < rows.Count; i++)
        {
            output.WriteLine($"| {string.Join(" | ", rows[i].Select((cell, c) => c < 2 ? cell.PadRight(widths[c]) : cell.PadLeft(widths[c])))} |");
            if (i == 0)
            {
                output.WriteLine($"|{string.Join("|", widths.Select((w, c) => c < 2 ? new string('-', w + 2) : $"{new string('-', w + 1)}:"))}|");
            }
        }
    }
}
