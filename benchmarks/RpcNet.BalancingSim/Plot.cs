using System.Globalization;
using System.Text;

namespace RpcNet.BalancingSim;

/// <summary>One panel a workload: a bar for each strategy's p99 on a logarithmic axis, a tick for its p50.</summary>
internal static class Plot
{
    private const int Label = 250;
    private const int Bar = 15;
    private const int Width = 620;
    private const double Least = 1;
    private const double Most = 100_000;

    public static string Draw(IReadOnlyList<Result> results, int clients, double seconds)
    {
        var panels = results.GroupBy(static r => r.Workload).ToList();
        var height = 60 + panels.Sum(static p => (p.Count() * Bar) + 50);
        var svg = new StringBuilder();
        svg.AppendLine(CultureInfo.InvariantCulture, $"""<svg xmlns="http://www.w3.org/2000/svg" width="{Label + Width + 90}" height="{height}" font-family="sans-serif" font-size="11">""");
        svg.AppendLine("""<rect width="100%" height="100%" fill="white"/>""");
        svg.AppendLine(CultureInfo.InvariantCulture, $"""<text x="10" y="22" font-size="15">Latency by strategy, {clients} clients, {seconds:0} s: bar = p99, line = p50, in ms, logarithmic; grey = models of peers</text>""");
        var y = 45;
        foreach (var panel in panels)
        {
            svg.AppendLine(CultureInfo.InvariantCulture, $"""<text x="10" y="{y + 12}" font-size="13" font-weight="bold">{panel.Key}</text>""");
            y += 20;
            var bottom = y + (panel.Count() * Bar);
            for (var decade = Least; decade <= Most; decade *= 10)
            {
                svg.AppendLine(CultureInfo.InvariantCulture, $"""<line x1="{X(decade):0}" y1="{y}" x2="{X(decade):0}" y2="{bottom}" stroke="#ddd"/><text x="{X(decade):0}" y="{bottom + 11}" text-anchor="middle" fill="#777">{decade:0}</text>""");
            }

            foreach (var result in panel)
            {
                svg.AppendLine(CultureInfo.InvariantCulture, $"""<text x="{Label - 8}" y="{y + 11}" text-anchor="end">{result.Strategy}</text>""");
                svg.AppendLine(CultureInfo.InvariantCulture, $"""<rect x="{Label}" y="{y + 2}" width="{X(result.P99) - Label:0.0}" height="{Bar - 4}" fill="{(result.Strategy.StartsWith("model") ? "#bbb" : result.Strategy.Contains('+') ? "#2a9d8f" : "#457b9d")}"/>""");
                svg.AppendLine(CultureInfo.InvariantCulture, $"""<line x1="{X(result.P50):0.0}" y1="{y + 1}" x2="{X(result.P50):0.0}" y2="{y + Bar - 1}" stroke="#e63946" stroke-width="2"/>""");
                svg.AppendLine(CultureInfo.InvariantCulture, $"""<text x="{X(result.P99) + 4:0}" y="{y + 11}">{result.P99:0.#}</text>""");
                y += Bar;
            }

            y += 30;
        }

        return svg.AppendLine("</svg>").ToString();
    }

    private static double X(double milliseconds) =>
        Label + (Width * Math.Log10(Math.Clamp(milliseconds, Least, Most) / Least) / Math.Log10(Most / Least));
}
