using System.Text;
using Microsoft.CodeAnalysis;

namespace RpcNet.Generators.Tests.Emit;

public sealed class GeneratedCodeTests
{
    public static TheoryData<string> Names => [.. Sources.All.Keys];

    /// <summary>Set RPCNET_ACCEPT_SNAPSHOTS=1 to write what is generated now in place of the stored files.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Output_OfContract_EqualsSnapshot(string name)
    {
        var files = GeneratorHarness.Generate(GeneratorHarness.Compile(GeneratorHarness.Parse(Sources.All[name])));
        var actual = new StringBuilder();
        foreach (var (file, text) in files.OrderBy(f => f.Key, StringComparer.Ordinal))
        {
            actual.Append("==> ").Append(file).Append('\n').Append(text);
        }

        actual.Replace($"\"{Generators.Emit.Names.Version}\"", "\"VERSION\"");
        var path = Path.Combine(
            GeneratorHarness.Metadata("Repository"), "tests", "RpcNet.Generators.Tests", "Snapshots", name + ".txt");
        if (Environment.GetEnvironmentVariable("RPCNET_ACCEPT_SNAPSHOTS") == "1")
        {
            File.WriteAllText(path, actual.ToString());
        }

        Assert.True(File.Exists(path), $"{path} is missing; run once with RPCNET_ACCEPT_SNAPSHOTS=1.");
        Assert.Equal(File.ReadAllText(path), actual.ToString(), ignoreLineEndingDifferences: true);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Output_WithEveryWarningOn_CompilesWithoutOne(string name)
    {
        var compilation = GeneratorHarness.Compile(GeneratorHarness.Parse(Sources.All[name]));
        GeneratorHarness.AssertCompiles(GeneratorHarness.WithGenerated(compilation));
    }

    [Fact]
    public async Task Output_WithMessagesOfAnotherAssembly_RegistersItsShapes()
    {
        var messages = GeneratorHarness.WithGenerated(GeneratorHarness.Compile(GeneratorHarness.Parse("""
            #pragma warning disable CS1591
            namespace Lib;
            [PolyType.GenerateShape] public partial record Item(int Id);
            """)).WithAssemblyName("Lib"));
        using var image = new MemoryStream();
        Assert.True(messages.Emit(image).Success);
        var contract = GeneratorHarness.Compile(GeneratorHarness.Parse("""
            #pragma warning disable CS1591
            [RpcNet.RpcService("s")]
            public interface IService
            {
                System.Threading.Tasks.Task PutAsync(Lib.Item item, System.Threading.CancellationToken cancellationToken);
            }
            """)).AddReferences(MetadataReference.CreateFromImage(image.ToArray()));
        Assert.Contains(
            "Resolve<global::Lib.Item>().Provider",
            GeneratorHarness.Generate(contract)["RpcNet.Shapes.g.cs"],
            StringComparison.Ordinal);
        GeneratorHarness.AssertCompiles(GeneratorHarness.WithGenerated(contract));
        Assert.Empty(await Analysis.AnalyzerHarness.AnalyzeAsync(contract));
    }
}
