using System.Text.Json.Nodes;

namespace RpcNet.Hosting.Tests.Documentation;

/// <summary>The files generated from the options equal them. RPCNET_UPDATE_FILES=1 writes them anew.</summary>
public sealed class GeneratedFilesTests
{
    [Fact]
    public void Schema_EqualsTheOptions() => Check("appsettings.schema.json", SchemaWriter.Write());

    [Fact]
    public void ConfigurationPage_EqualsTheOptions() => Check("docs/configuration.md", ConfigurationPageWriter.Write());

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

    private static void Check(string file, string expected)
    {
        var path = Path.Combine(Repository(), file);
        if (Environment.GetEnvironmentVariable("RPCNET_UPDATE_FILES") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, expected);
        }

        Assert.True(File.Exists(path), $"{file} is missing. RPCNET_UPDATE_FILES=1 writes it.");
        Assert.True(expected == File.ReadAllText(path), $"{file} differs from the options. RPCNET_UPDATE_FILES=1 writes it anew; commit it.");
    }

    private static string Repository()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "RpcNet.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("The repository's root is not above the test's folder.");
    }
}
