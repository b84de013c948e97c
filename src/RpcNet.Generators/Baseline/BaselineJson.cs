using System.Globalization;
using System.Text;

namespace RpcNet.Generators.Baseline;

/// <summary>Writes and reads rpc.contract.json. Own code, because an analyzer may bring no JSON library.</summary>
internal static class BaselineJson
{
    private const string Version = "1";

    public static string Write(ContractBaseline baseline)
    {
        var text = new StringBuilder();
        text.Append("{\n  \"version\": ").Append(Version).Append(",\n  \"services\": {");
        WriteEntries(text, "    ", baseline.Services, (methods, indent) =>
        {
            text.Append('{');
            WriteEntries(text, indent + "  ", methods, (method, _) => WriteMethod(text, method));
            text.Append('\n').Append(indent).Append('}');
        });
        return text.Append("\n  }\n}\n").ToString();
    }

    /// <exception cref="FormatException">The text is no baseline; the message says where.</exception>
    public static ContractBaseline Read(string text)
    {
        var root = Object(new JsonReader(text).ReadDocument(), "the file");
        if (!root.TryGetValue("version", out var version) || version as string != Version)
        {
            throw new FormatException($"\"version\" must be {Version}");
        }

        var baseline = new ContractBaseline();
        foreach (var service in Object(root.TryGetValue("services", out var s) ? s : null, "\"services\""))
        {
            var methods = new SortedDictionary<string, BaselineMethod>(StringComparer.Ordinal);
            foreach (var method in Object(service.Value, $"\"{service.Key}\""))
            {
                methods[method.Key] = ReadMethod(Object(method.Value, $"\"{method.Key}\""), method.Key);
            }

            baseline.Services[service.Key] = methods;
        }

        return baseline;
    }

    private static BaselineMethod ReadMethod(Dictionary<string, object?> fields, string name) => new(
        Field(fields, "kind") ?? throw new FormatException($"\"{name}\" has no \"kind\""),
        new(fields.TryGetValue("arguments", out var list) && list is List<object?> arguments
            ? arguments.Select(a => a as string ?? throw new FormatException($"\"{name}\" has an argument that is no text"))
            : throw new FormatException($"\"{name}\" has no \"arguments\"")),
        Field(fields, "input"),
        Field(fields, "result"));

    private static string? Field(Dictionary<string, object?> fields, string name) =>
        fields.TryGetValue(name, out var value) ? value as string : null;

    private static Dictionary<string, object?> Object(object? value, string what) =>
        value as Dictionary<string, object?> ?? throw new FormatException($"{what} must be an object");

    private static void WriteEntries<T>(
        StringBuilder text, string indent, IEnumerable<KeyValuePair<string, T>> entries, Action<T, string> write)
    {
        var separator = "\n";
        foreach (var entry in entries)
        {
            text.Append(separator).Append(indent);
            WriteString(text, entry.Key);
            text.Append(": ");
            write(entry.Value, indent);
            separator = ",\n";
        }
    }

    private static void WriteMethod(StringBuilder text, BaselineMethod method)
    {
        text.Append("{ \"kind\": ");
        WriteString(text, method.Kind);
        text.Append(", \"arguments\": [");
        for (var i = 0; i < method.Arguments.Count; i++)
        {
            text.Append(i == 0 ? "" : ", ");
            WriteString(text, method.Arguments[i]);
        }

        text.Append("], \"input\": ");
        WriteString(text, method.Input);
        text.Append(", \"result\": ");
        WriteString(text, method.Result);
        text.Append(" }");
    }

    private static void WriteString(StringBuilder text, string? value)
    {
        if (value is null)
        {
            text.Append("null");
            return;
        }

        text.Append('"');
        foreach (var c in value)
        {
            if (c is '"' or '\\')
            {
                text.Append('\\').Append(c);
            }
            else if (c < ' ')
            {
                text.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
            }
            else
            {
                text.Append(c);
            }
        }

        text.Append('"');
    }
}
