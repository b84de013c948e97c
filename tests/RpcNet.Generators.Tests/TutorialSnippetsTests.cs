using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace RpcNet.Generators.Tests;

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

        Assert.Empty(Compile(files));
    }

    [Fact]
    public void Tutorial_WithAMistake_DoesNotCompile()
    {
        var files = Files().Select(f => (f.Name, Text: f.Text.Replace("ProcessTaskAsync(_unfinished", "ProcessTaskAsync(42", StringComparison.Ordinal)));

        Assert.Contains(Compile(files), d => d.Contains("CS1503", StringComparison.Ordinal));
    }

    private static List<(string Name, string Text)> Files()
    {
        var tutorial = File.ReadAllText(Path.Combine(GeneratorHarness.Metadata("Repository"), "docs", "tutorial.md"));
        return [.. CodeBlock().Matches(tutorial).Select(m => (m.Groups["name"].Value, m.Groups["text"].Value))];
    }

    private static List<string> Compile(IEnumerable<(string Name, string Text)> files)
    {
        var trees = files.Append(("Usings.cs", ImplicitUsings)).Select(f => GeneratorHarness.Parse(f.Item2, f.Item1));
        var program = GeneratorHarness.Compile(trees)
            .WithOptions(new CSharpCompilationOptions(OutputKind.ConsoleApplication, nullableContextOptions: NullableContextOptions.Enable));
        return [.. GeneratorHarness.WithGenerated(program).GetDiagnostics()
            .Where(d => d.Severity >= DiagnosticSeverity.Warning && d.Id != "CS1591")
            .Select(d => d.ToString())];
    }

    [GeneratedRegex("```csharp file=(?<name>\\S+)\\n(?<text>.*?)```", RegexOptions.Singleline)]
    private static partial Regex CodeBlock();
}
