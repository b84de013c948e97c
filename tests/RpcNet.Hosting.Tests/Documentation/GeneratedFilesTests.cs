using System.Text.Json.Nodes;
using RpcNet.Hosting.Configuration;
using RpcNet.Hosting.Tests.Support;

namespace RpcNet.Hosting.Tests.Documentation;

/// <summary>The files generated from the options equal them. RPCNET_UPDATE_FILES=1 writes them anew.</summary>
public sealed class GeneratedFilesTests
{
    [Fact]
    public void Schema_EqualsTheOptions() => GeneratedFiles.Check("appsettings.schema.json", SchemaWriter.Write());

    [Fact]
    public void ConfigurationPage_EqualsTheOptions() => GeneratedFiles.Check("docs/configuration.md", ConfigurationPageWriter.Write());

    [Fact]
    public void Schema_HasRangesEnumsAndDefaults()
    {
        var options = JsonNode.Parse(SchemaWriter.Write())!["properties"]!["RpcNet"]!["properties"]!;
        var lanes = options["Server"]!["properties"]!["Limits"]!["properties"]!["Lanes"]!;
        Assert.Equal((1, 16, 2), ((int)lanes["minimum"]!, (int)lanes["maximum"]!, (int)lanes["default"]!));
        Assert.Equal(["Auto", "SystemNetQuic", "Ngtcp2"], options["Transport"]!["properties"]!["Engine"]!["enum"]!.AsArray().Select(n => (string)n!));
        Assert.Equal("string", (string)options["Cluster"]!["properties"]!["Tags"]!["additionalProperties"]!["type"]!);
        Assert.NotNull(options["Clients"]!["additionalProperties"]!["properties"]!["Address"]);
    }

    [Fact]
    public void Schema_EveryNumberHasARangeAndEverySettingADescription()
    {
        var lacking = new List<string>();
        Visit(JsonNode.Parse(SchemaWriter.Write())!["properties"]!["RpcNet"]!, "RpcNet");
        Assert.Empty(lacking);

        void Visit(JsonNode node, string path)
        {
            var types = node["type"] is JsonArray several ? several.Select(static t => (string)t!) : [(string)node["type"]!];
            if (types.Any(static t => t is "integer" or "number") && (node["minimum"] is null || node["maximum"] is null))
            {
                lacking.Add($"{path} has no range");
            }

            if (node["description"] is not { } description || ((string)description!).Length == 0)
            {
                lacking.Add($"{path} has no description");
            }

            foreach (var (name, child) in node["properties"]?.AsObject() ?? [])
            {
                Visit(child!, $"{path}:{name}");
            }

            if (node["additionalProperties"] is JsonObject element && element["properties"] is not null)
            {
                Visit(element, $"{path}:<name>");
            }
        }
    }

    [Theory]
    [InlineData("T:RpcNet.RpcUnaryMethod`2", "RpcUnaryMethod")]
    [InlineData("P:RpcNet.Hosting.RpcNetIdentityOptions.Path", "Path")]
    [InlineData("M:A.B.UseCallback(System.Func{System.Threading.Tasks.ValueTask{RpcNet.Transports.TlsIdentity}})", "UseCallback")]
    [InlineData("M:A.B.Add``1(``0,System.String)", "Add")]
    public void Documentation_Reference_IsNamedByItsLastName(string cref, string name) => Assert.Equal(name, OptionDocs.Referent(cref));

    /// <summary>The documentation of a number or duration states the range (and so its unit) and the default.</summary>
    [Fact]
    public void Documentation_OfEveryNumberAndDuration_StatesRangeAndDefault()
    {
        var docs = new OptionDocs();
        foreach (var option in OptionsModel.Root.Values().Where(static o => o.IsNumber))
        {
            Assert.True(docs.Range(option.Property!) is not null, $"{option.Property!.DeclaringType}.{option.Name}: its <value> does not begin with a range.");
            Assert.True(docs.Value(option.Property!).Contains("default", StringComparison.OrdinalIgnoreCase), $"{option.Property!.DeclaringType}.{option.Name}: its <value> states no default.");
        }
    }
}
