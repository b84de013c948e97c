using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using RpcNet.Generators;

namespace RpcNet.EndToEnd.Tests;

/// <summary>The tutorial's files, taken from its text, compile together against the packages' assemblies.</summary>
public sealed partial class TutorialSnippetsTests
{
    private const string ImplicitUsings = """
        global using System;
        global using System.Collections.Generic;
        global using System.IO;
        global using System.Linq;
        global using System.Net.Http;
        global using System.Threading;
        global using System.Threading.Tasks;
        """;

    [Fact]
    public void Tutorial_ItsFiles_Compile()
    {
        var files = Files();
        Assert.Equal(
            ["Client.cs", "Contracts.cs", "Director.cs", "Program.cs", "Worker.cs"],
            files.Select(f => f.Name).Order(StringComparer.Ordinal));

        var diagnostics = Compile(files);

        Assert.Empty(diagnostics.Where(d => d.Severity >= DiagnosticSeverity.Warning).Select(d => d.ToString()));
    }

    [Fact]
    public void Tutorial_WithAMistake_DoesNotCompile()
    {
        var files = Files().Select(f => (f.Name, Text: f.Text.Replace("ProcessTaskAsync(_unfinished", "ProcessTaskAsync(42", StringComparison.Ordinal)));

        Assert.Contains(Compile([.. files]), d => d.Severity == DiagnosticSeverity.Error);
    }

    private static List<(string Name, string Text)> Files()
    {
        var tutorial = File.ReadAllText(Path.Combine(Repository.Root, "docs", "tutorial.md"));
        return [.. CodeBlock().Matches(tutorial).Select(m => (m.Groups["name"].Value, m.Groups["text"].Value))];
    }

    private static IReadOnlyList<Diagnostic> Compile(List<(string Name, string Text)> files)
    {
        var options = new CSharpParseOptions(LanguageVersion.Latest);
        var compilation = CSharpCompilation.Create(
            "Tutorial",
            files.Append(("Usings.cs", ImplicitUsings)).Select(f => CSharpSyntaxTree.ParseText(f.Item2, options, f.Item1)),
            ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
                .Where(path => !Path.GetFileName(path).StartsWith("RpcNet.EndToEnd", StringComparison.Ordinal))
                .Select(path => MetadataReference.CreateFromFile(path)),
            new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable));
        CSharpGeneratorDriver.Create([new ContractGenerator().AsSourceGenerator()], parseOptions: options)
            .RunGeneratorsAndUpdateCompilation(compilation, out var generated, out var diagnostics);
        return [.. diagnostics, .. generated.GetDiagnostics()];
    }

    [GeneratedRegex("```csharp file=(?<name>\\S+)\\n(?<text>.*?)```", RegexOptions.Singleline)]
    private static partial Regex CodeBlock();
}
