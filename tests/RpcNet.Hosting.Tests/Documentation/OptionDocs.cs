using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using RpcNet.Hosting.Configuration;

namespace RpcNet.Hosting.Tests.Documentation;

/// <summary>What the XML documentation says of the options.</summary>
internal sealed partial class OptionDocs
{
    private static readonly Dictionary<string, double> Units = new()
    {
        [""] = 1, ["ms"] = 1e-3, ["s"] = 1, ["min"] = 60, ["h"] = 3600, ["day"] = 86_400, ["days"] = 86_400,
    };

    private readonly Dictionary<string, XElement> _members = [];

    public OptionDocs()
    {
        foreach (var assembly in new[] { typeof(RpcNetOptions).Assembly, typeof(RpcNet.Cluster.ClusterOptions).Assembly })
        {
            foreach (var member in XDocument.Load(Path.ChangeExtension(assembly.Location, ".xml")).Descendants("member"))
            {
                _members[member.Attribute("name")!.Value] = member;
            }
        }
    }

    public string Summary(MemberInfo member) => Text(Find(member)?.Element("summary"))
        ?? throw new InvalidOperationException($"{member.DeclaringType}.{member.Name} has no summary.");

    public string SummaryOfType(Type type) => Text(_members.GetValueOrDefault($"T:{type.FullName}")?.Element("summary")) ?? "";

    /// <summary>Unit, range and default.</summary>
    public string Value(MemberInfo member) => Text(Find(member)?.Element("value"))
        ?? throw new InvalidOperationException($"{member.DeclaringType}.{member.Name} has no <value>: unit, range and default.");

    /// <summary>"1 … 64" or "50 ms … 1 min" at the start of the value's text, durations in seconds; null where there is none.</summary>
    public (double Min, double Max)? Range(MemberInfo member)
    {
        var match = RangeText().Match(Value(member));
        return match.Success ? (Number(match.Groups["min"], match.Groups["minUnit"]), Number(match.Groups["max"], match.Groups["maxUnit"])) : null;

        static double Number(Group number, Group unit) =>
            double.Parse(number.Value, NumberStyles.Number, CultureInfo.InvariantCulture) * Units[unit.Success ? unit.Value : ""];
    }

    private XElement? Find(MemberInfo member) => _members.GetValueOrDefault(member switch
    {
        FieldInfo => $"F:{member.DeclaringType!.FullName}.{member.Name}",
        _ => $"P:{member.DeclaringType!.FullName}.{member.Name}",
    });

    private static string? Text(XElement? element)
    {
        if (element is null)
        {
            return null;
        }

        var text = new StringBuilder();
        foreach (var node in element.Nodes())
        {
            text.Append(node switch
            {
                XText plain => plain.Value,
                XElement { Name.LocalName: "see" } see => see.Attribute("cref")?.Value is { } cref ? Referent(cref) : see.Attribute("langword")?.Value ?? see.Value,
                XElement other => other.Value,
                _ => "",
            });
        }

        return Whitespace().Replace(text.ToString(), " ").Trim();
    }

    /// <summary>"M:A.B.Add``1(C.D,E.F)" is "Add": its last name, without kind, parameters and arity.</summary>
    public static string Referent(string cref) => cref.Split('(')[0].Split('.', ':')[^1].Split('`')[0];

    [GeneratedRegex(@"\s+")]
    private static partial Regex Whitespace();

    [GeneratedRegex(@"^(?<min>-?[\d,]+(?:\.\d+)?)(?: (?<minUnit>ms|s|min|h|days?))? … (?<max>[\d,]+(?:\.\d+)?)(?: (?<maxUnit>ms|s|min|h|days?))?(?=[;. ]|$)(?! (?:printable|characters)\b)")]
    private static partial Regex RangeText();
}
