using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace RpcNet.Hosting.Tests.Documentation;

/// <summary>The settings files of the repository are valid by the schema, and the schema finds what is wrong in others.</summary>
public sealed class SchemaTests
{
    private static readonly JsonNode Schema = JsonNode.Parse(SchemaWriter.Write())!;

    public static TheoryData<string> Files =>
    [
        .. new[] { "samples", "templates" }
            .SelectMany(static folder => Directory.GetFiles(Path.Combine(GeneratedFiles.Repository, folder), "appsettings*.json", SearchOption.AllDirectories))
            .Select(static path => Path.GetRelativePath(GeneratedFiles.Repository, path).Replace('\\', '/'))
            .Where(static path => !path.Contains("/bin/", StringComparison.Ordinal) && !path.Contains("/obj/", StringComparison.Ordinal)),
    ];

    [Theory]
    [MemberData(nameof(Files))]
    public void SettingsFile_OfASampleOrTemplate_IsValid(string file)
    {
        var settings = JsonNode.Parse(
            File.ReadAllText(Path.Combine(GeneratedFiles.Repository, file)),
            documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        Assert.Empty(Complaints(Schema, settings, "$"));
    }

    [Theory]
    [InlineData("""{"RpcNet":{"Listen":{"Address":"127.0.0.1:1","Backlog":7}}}""", null)]
    [InlineData("""{"RpcNet":{"Servers":{"internal":{"Server":{"Limits":{"Lanes":3}}}}}}""", null)]
    [InlineData("""{"RpcNet":{"Listen":{"Backlog":0}}}""", "$.RpcNet.Listen.Backlog: minimum")]
    [InlineData("""{"RpcNet":{"Servers":{"internal":{"Server":{"Limits":{"Lanes":17}}}}}}""", "$.RpcNet.Servers.internal.Server.Limits.Lanes: maximum")]
    [InlineData("""{"RpcNet":{"Listn":{}}}""", "$.RpcNet.Listn: additionalProperties")]
    [InlineData("""{"RpcNet":{"Transport":{"Engine":"Carrier"}}}""", "$.RpcNet.Transport.Engine: enum")]
    [InlineData("""{"RpcNet":{"Transport":{"IdleTimeout":"5"}}}""", "$.RpcNet.Transport.IdleTimeout: pattern")]
    [InlineData("""{"RpcNet":{"Cluster":{"Seeds":"a:1"}}}""", "$.RpcNet.Cluster.Seeds: type")]
    [InlineData("""{"RpcNet":{"Certificates":{"Store":{"Location":"Elsewhere"}}}}""", "$.RpcNet.Certificates.Store.Location: enum")]
    public void Settings_AreJudged(string settings, string? complaint) =>
        Assert.Equal(complaint is null ? [] : [complaint], Complaints(Schema, JsonNode.Parse(settings), "$"));

    /// <summary>What of JSON Schema the schema uses.</summary>
    private static IEnumerable<string> Complaints(JsonNode schema, JsonNode? value, string path)
    {
        if (schema["type"] is { } type && !(type is JsonArray several ? several.Select(static t => (string)t!) : [(string)type!]).Any(t => Is(t, value)))
        {
            return [$"{path}: type"];
        }

        return value switch
        {
            JsonObject section => section.SelectMany(p => schema["properties"]?[p.Key] is { } known ? Complaints(known, p.Value, $"{path}.{p.Key}")
                : schema["additionalProperties"] is JsonObject element ? Complaints(element, p.Value, $"{path}.{p.Key}")
                : schema["additionalProperties"] is null ? []
                : [$"{path}.{p.Key}: additionalProperties"]),
            JsonArray list => list.SelectMany((item, i) => Complaints(schema["items"]!, item, $"{path}[{i}]")),
            JsonValue simple => Keywords(schema, simple).Select(keyword => $"{path}: {keyword}"),
            _ => [],
        };
    }

    private static IEnumerable<string> Keywords(JsonNode schema, JsonValue value)
    {
        if (schema["enum"] is JsonArray values && !values.Any(v => JsonNode.DeepEquals(v, value)))
        {
            yield return "enum";
        }

        if (schema["pattern"] is { } pattern && !Regex.IsMatch((string)value!, (string)pattern!))
        {
            yield return "pattern";
        }

        if (schema["minimum"] is { } minimum && (double)value < (double)minimum)
        {
            yield return "minimum";
        }

        if (schema["maximum"] is { } maximum && (double)value > (double)maximum)
        {
            yield return "maximum";
        }
    }

    private static bool Is(string type, JsonNode? value) => (type, value?.GetValueKind() ?? JsonValueKind.Null) switch
    {
        ("object", JsonValueKind.Object) or ("array", JsonValueKind.Array) or ("string", JsonValueKind.String) or ("null", JsonValueKind.Null) => true,
        ("boolean", JsonValueKind.True or JsonValueKind.False) or ("number", JsonValueKind.Number) => true,
        ("integer", JsonValueKind.Number) => double.IsInteger((double)value!),
        _ => false,
    };
}
