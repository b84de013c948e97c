using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using RpcNet.Hosting.Tests.Documentation;

namespace RpcNet.Hosting.Tests.Telemetry;

/// <summary>docs/grafana/rpcnet.json shows every metric, and none that does not exist.</summary>
public sealed partial class DashboardTests
{
    [Fact]
    public void Dashboard_MatchesTheMetrics()
    {
        var known = Instruments.All.SelectMany(static i => i.PrometheusNames.Select(name => (name, i))).ToDictionary();
        var shown = new HashSet<InstrumentSpec>();
        var wrong = new List<string>();
        foreach (var expression in Expressions(JsonNode.Parse(File.ReadAllText(Path.Combine(GeneratedFiles.Repository, "docs/grafana/rpcnet.json")))!))
        {
            var attributes = new HashSet<string>(["le", "job", "instance"]);
            foreach (var name in MetricName().Matches(expression).Select(static m => m.Value))
            {
                if (known.TryGetValue(name, out var instrument))
                {
                    shown.Add(instrument);
                    attributes.UnionWith(instrument.Attributes.Concat(instrument.Optional).Select(static a => a.Replace('.', '_')));
                }
                else
                {
                    wrong.Add($"there is no metric {name} ({expression})");
                }
            }

            wrong.AddRange(Labels(expression).Where(l => !attributes.Contains(l)).Select(l => $"no metric has the attribute {l} ({expression})"));
        }

        Assert.Empty(wrong);
        Assert.Empty(Instruments.All.Except(shown).Select(static i => i.Name));
    }

    private static IEnumerable<string> Expressions(JsonNode dashboard) =>
        from panel in dashboard["panels"]!.AsArray()
        from target in panel!["targets"]?.AsArray() ?? []
        select (string)target!["expr"]!;

    private static IEnumerable<string> Labels(string expression) =>
        ByClause().Matches(expression).SelectMany(static m => m.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            .Concat(Matcher().Matches(expression).Select(static m => m.Groups[1].Value));

    [GeneratedRegex(@"\brpc(?:net)?_(?:client|server|cluster|worker|compression)_[a-z_]+\b(?!\s*(?:=|!))")]
    private static partial Regex MetricName();

    [GeneratedRegex(@"\bby \(([^)]*)\)")]
    private static partial Regex ByClause();

    [GeneratedRegex(@"[{,]\s*([a-z_]+)\s*(?:=~|!~|!=|=)")]
    private static partial Regex Matcher();
}
