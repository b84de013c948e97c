using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using RpcNet.Hosting.Configuration;

namespace RpcNet.Hosting.Tests.Documentation;

/// <summary>Writes appsettings.schema.json from the options.</summary>
internal static class SchemaWriter
{
    private const string Duration = @"^-?(\d+\.)?\d{1,2}:\d{1,2}(:\d{1,2}(\.\d{1,7})?)?$";

    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, NewLine = "\n",
    };

    public static string Write()
    {
        var docs = new OptionDocs();
        var schema = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "Configuration of RpcNet",
            ["type"] = "object",
            ["properties"] = new JsonObject { [RpcNetOptions.SectionName] = Section(OptionsModel.Root, new RpcNetOptions(), docs) },
        };
        return schema.ToJsonString(Format) + "\n";
    }

    private static JsonObject Section(OptionsModel model, object defaults, OptionDocs docs)
    {
        var properties = new JsonObject();
        foreach (var child in model.Children)
        {
            properties[child.Name] = Node(child, child.Property!.GetValue(defaults), docs);
        }

        return new JsonObject
        {
            ["type"] = "object",
            ["description"] = docs.SummaryOfType(model.Type),
            ["properties"] = properties,
            ["additionalProperties"] = false,
        };
    }

    private static JsonObject Node(OptionsModel model, object? value, OptionDocs docs)
    {
        switch (model.Kind)
        {
            case OptionsKind.Section:
                var section = Section(model, value!, docs);
                section["description"] = docs.Summary(model.Property!);
                return section;
            case OptionsKind.Map:
                return new JsonObject
                {
                    ["type"] = "object",
                    ["description"] = docs.Summary(model.Property!),
                    ["additionalProperties"] = Element(model.Element!, docs),
                };
            case OptionsKind.List:
                return new JsonObject
                {
                    ["type"] = "array",
                    ["description"] = docs.Summary(model.Property!),
                    ["items"] = Element(model.Element!, docs),
                };
            default:
                var node = Type(model);
                node["description"] = $"{docs.Summary(model.Property!)} {docs.Value(model.Property!)}";
                if (docs.Range(model.Property!) is { } range && model.Type != typeof(TimeSpan))
                {
                    node["minimum"] = Number(range.Min, model);
                    node["maximum"] = Number(range.Max, model);
                }

                if (value is not null)
                {
                    node["default"] = Default(value);
                }
                else
                {
                    node["type"] = new JsonArray(node["type"]!.DeepClone(), "null");
                }

                return node;
        }
    }

    private static JsonObject Element(OptionsModel element, OptionDocs docs) => element.Kind == OptionsKind.Section
        ? Section(element, Activator.CreateInstance(element.Type)!, docs)
        : Type(element);

    private static JsonObject Type(OptionsModel model)
    {
        if (model.Type.IsEnum)
        {
            return new JsonObject { ["type"] = "string", ["enum"] = new JsonArray([.. Enum.GetNames(model.Type).Select(static n => (JsonNode)n)]) };
        }

        return model.Type switch
        {
            var t when t == typeof(string) => new JsonObject { ["type"] = "string" },
            var t when t == typeof(bool) => new JsonObject { ["type"] = "boolean" },
            var t when t == typeof(TimeSpan) => new JsonObject { ["type"] = "string", ["pattern"] = Duration },
            var t when t == typeof(double) => new JsonObject { ["type"] = "number" },
            _ => new JsonObject { ["type"] = "integer" },
        };
    }

    private static JsonNode Number(double value, OptionsModel model) => model.Type == typeof(double) ? value : (long)value;

    private static JsonNode Default(object value) => value switch
    {
        bool flag => flag,
        int number => number,
        double number => number,
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}
