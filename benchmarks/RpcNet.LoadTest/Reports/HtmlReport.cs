using System.Globalization;
using System.Net;
using System.Text;
using RpcNet.LoadTest.Coordination;

namespace RpcNet.LoadTest.Reports;

/// <summary>The results as one HTML page with bars in SVG. It loads nothing.</summary>
internal static class HtmlReport
{
    private const int LabelWidth = 190;
    private const int BarWidth = 420;
    private const int BarHeight = 20;

    private const string Style = """
        body{font:14px/1.5 system-ui,sans-serif;max-width:1200px;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
        .grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(560px,1fr));gap:1.5rem}
        h2{font-size:15px;margin:0 0 .3rem} svg{width:100%;height:auto} text{font:12px system-ui,sans-serif;fill:#222}
        table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums} td,th{padding:2px 8px;text-align:right;border-bottom:1px solid #ddd}
        td:first-child,th:first-child{text-align:left}
        """;

    public static void Write(
        string file, IReadOnlyList<ResultRow> rows, IReadOnlyList<(string Name, string Reason)> unavailable, IEnumerable<string> facts)
    {
        var page = new StringBuilder();
        page.Append("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>RpcNet beside its peers</title>");
        page.Append(CultureInfo.InvariantCulture, $"<style>{Style}</style><h1>RpcNet beside its peers</h1><p>");
        page.AppendJoin("<br>", facts.Select(WebUtility.HtmlEncode)).Append("</p>");
        foreach (var (name, reason) in unavailable)
        {
            page.Append(CultureInfo.InvariantCulture, $"<p>Not available: {WebUtility.HtmlEncode(name)}: {WebUtility.HtmlEncode(reason)}</p>");
        }

        page.Append("<div class=\"grid\">");
        foreach (var group in rows.GroupBy(static r => (r.Scenario, r.Concurrency)))
        {
            var scenario = Scenario.All.First(s => s.Name == group.Key.Scenario);
            page.Append(CultureInfo.InvariantCulture, $"<section><h2>{WebUtility.HtmlEncode(scenario.Title)}; {group.Key.Concurrency:N0} {Table.Unit(scenario)}</h2>");
            AppendBars(page, scenario, [.. group]);
            page.Append("</section>");
        }

        page.Append("</div>");
        AppendTable(page, rows);
        page.Append("</html>");
        File.WriteAllText(file, page.ToString());
    }

    private static (double Value, string Unit) Measure(Scenario scenario, ResultRow row) => scenario switch
    {
        { Kind: WorkKind.Idle } => (row.BytesPerConnection / 1024, "KiB/connection"),
        { Kind: WorkKind.UnaryBesideStream } => (row.P99Us, "µs p99"),
        { IsBulk: true } => (row.MegabytesPerSecond, "MB/s"),
        { IsStream: true } => (row.CallsPerSecond, "messages/s"),
        _ => (row.CallsPerSecond, "calls/s"),
    };

    private static void AppendBars(StringBuilder page, Scenario scenario, IReadOnlyList<ResultRow> rows)
    {
        var highest = rows.Max(r => Measure(scenario, r).Value);
        page.Append(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {LabelWidth + BarWidth + 180} {(rows.Count * (BarHeight + 6)) + 4}\" role=\"img\">");
        for (var i = 0; i < rows.Count; i++)
        {
            var row = rows[i];
            var (value, unit) = Measure(scenario, row);
            var y = i * (BarHeight + 6);
            var width = highest <= 0 ? 0 : Math.Max(0, value / highest * BarWidth);
            var color = row.System switch { "rpcnet" => "#1f6feb", "bare" => "#b9c4d0", _ => "#7d8590" };
            var text = row.CallsPerSecond == 0 ? row.Errors == 0 ? "not applicable" : "failed" : $"{value:N0} {unit}{Ratio(row)}";
            page.Append(CultureInfo.InvariantCulture, $"<text x=\"{LabelWidth - 8}\" y=\"{y + 15}\" text-anchor=\"end\">{WebUtility.HtmlEncode($"{row.System} {row.Engine}")}</text>");
            page.Append(CultureInfo.InvariantCulture, $"<rect x=\"{LabelWidth}\" y=\"{y}\" width=\"{width:0.#}\" height=\"{BarHeight}\" fill=\"{color}\"/>");
            page.Append(CultureInfo.InvariantCulture, $"<text x=\"{LabelWidth + width + 6:0.#}\" y=\"{y + 15}\">{WebUtility.HtmlEncode(text)}</text>");
        }

        page.Append("</svg>");
    }

    private static string Ratio(ResultRow row) => row.RatioToGrpc == 0 || row.System == "grpc" ? "" : FormattableString.Invariant($", {row.RatioToGrpc:0.00} × grpc");

    private static void AppendTable(StringBuilder page, IReadOnlyList<ResultRow> rows)
    {
        page.Append("<h2>All figures</h2><table><tr><th>scenario<th>system<th>per second<th>spread<th>p50 µs<th>p99 µs<th>p99.9 µs"
            + "<th>client CPU µs<th>server CPU µs<th>client B<th>server B<th>× grpc<th>errors");
        foreach (var r in rows)
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr><td>{r.Scenario} {r.Concurrency}<td>{r.System} {r.Engine}<td>{r.CallsPerSecond:N0}<td>{r.SpreadPercent:0} %");
            page.Append(CultureInfo.InvariantCulture, $"<td>{r.P50Us:N0}<td>{r.P99Us:N0}<td>{r.P999Us:N0}<td>{r.ClientCpuUsPerCall:0.00}<td>{r.ServerCpuUsPerCall:0.00}");
            page.Append(CultureInfo.InvariantCulture, $"<td>{r.ClientBytesPerCall:N0}<td>{r.ServerBytesPerCall:N0}<td>{r.RatioToGrpc:0.00}<td>{r.Errors}");
        }

        page.Append("</table>");
    }
}
