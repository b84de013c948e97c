using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;
using RpcNet.Generators.Analysis;

namespace RpcNet.Generators.Tests.Analysis;

/// <summary>Runs the analyzer on source as a build does: with the generated code beside it.</summary>
internal static class AnalyzerHarness
{
    public const string Usings = """
        using System;
        using System.Collections.Generic;
        using System.IO;
        using System.Threading;
        using System.Threading.Tasks;
        using PolyType;
        using RpcNet;

        """;

    public static Task<ImmutableArray<Diagnostic>> AnalyzeAsync(string source, string? baseline = null, bool writing = false) =>
        AnalyzeAsync(GeneratorHarness.Compile(GeneratorHarness.Parse(Usings + source)), baseline, writing);

    public static async Task<ImmutableArray<Diagnostic>> AnalyzeAsync(
        CSharpCompilation source, string? baseline = null, bool writing = false)
    {
        var options = new AnalyzerOptions(
            baseline is null ? [] : [new BaselineFile(baseline)],
            new ConfigProvider(new Dictionary<string, string> { [BaselineCheck.WriteProperty] = writing ? "true" : "" }));
        var compilation = GeneratorHarness.WithGenerated(source);
        var diagnostics = await compilation.WithAnalyzers([new ContractAnalyzer()], options).GetAnalyzerDiagnosticsAsync();
        Assert.DoesNotContain(diagnostics, d => d.Id.StartsWith("AD", StringComparison.Ordinal));
        return [.. diagnostics.OrderBy(d => d.Location.SourceSpan.Start).ThenBy(d => d.Id, StringComparer.Ordinal)];
    }

    /// <summary>A contract around the members, with every id but the missing token's.</summary>
    public static async Task<string[]> IdsAsync(string members, string beside = "") =>
        [.. (await AnalyzeAsync($"[RpcService(\"s\")] public interface IService {{ {members} }} {beside}"))
            .Select(d => d.Id)
            .Where(id => id != "RPCNET001")];

    private sealed class BaselineFile(string text) : AdditionalText
    {
        public override string Path => "/project/rpc.contract.json";

        public override SourceText GetText(CancellationToken cancellationToken = default) => SourceText.From(text);
    }

    private sealed class ConfigProvider(Dictionary<string, string> values) : AnalyzerConfigOptionsProvider
    {
        public override AnalyzerConfigOptions GlobalOptions { get; } = new Config(values);

        public override AnalyzerConfigOptions GetOptions(SyntaxTree tree) => GlobalOptions;

        public override AnalyzerConfigOptions GetOptions(AdditionalText textFile) => GlobalOptions;
    }

    private sealed class Config(Dictionary<string, string> values) : AnalyzerConfigOptions
    {
        public override bool TryGetValue(string key, out string value)
        {
            value = values.GetValueOrDefault(key)!;
            return value is not null;
        }
    }
}
