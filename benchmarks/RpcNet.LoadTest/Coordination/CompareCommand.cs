using System.Runtime.InteropServices;
using RpcNet.LoadTest.Reports;

namespace RpcNet.LoadTest.Coordination;

/// <summary>The command <c>compare</c>.</summary>
internal static class CompareCommand
{
    public static async Task<int> RunAsync(CompareOptions options)
    {
        using var stop = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Cancel);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Cancel);
        void Cancel(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.Cancel();
        }

        await using var comparison = new Comparison(options, new Progress());
        IReadOnlyList<ResultRow> rows;
        try
        {
            rows = await comparison.RunAsync(stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            Console.Error.WriteLine("Interrupted; the children are ended.");
            return 130;
        }

        string[] facts =
        [
            $"{DateTimeOffset.UtcNow:yyyy-MM-dd HH:mm} UTC, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}, "
                + $"{Environment.ProcessorCount} processors, load {LoadAverage()}",
            $"Medians of {options.Rounds} interleaved rounds of {options.Seconds:0.##} s; server and client in processes of their own on one machine.",
        ];
        foreach (var fact in facts)
        {
            Console.WriteLine(fact);
        }

        foreach (var (name, reason) in comparison.Unavailable)
        {
            Console.WriteLine($"Not available: {name}: {reason}");
        }

        Table.Write(Console.Out, rows);
        if (options.JsonFile is { } json)
        {
            JsonReport.Write(json, rows);
            Console.WriteLine($"{Environment.NewLine}Rows: {Path.GetFullPath(json)}");
        }

        if (options.HtmlFile is { } html)
        {
            HtmlReport.Write(html, rows, comparison.Unavailable, facts);
            Console.WriteLine($"{Environment.NewLine}Plot: {Path.GetFullPath(html)}");
        }

        return rows.Any(static r => r.Errors > 0) ? 1 : 0;
    }

    private static string LoadAverage() => File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "unknown";
}
