using Microsoft.CodeAnalysis;

namespace RpcNet.Generators.Tests.Emit;

public sealed class IncrementalTests
{
    private readonly SyntaxTree _contract = GeneratorHarness.Parse(Sources.All["Generics"]);
    private readonly SyntaxTree _other = GeneratorHarness.Parse("public class Other;", "Other.cs");

    [Fact]
    public void Steps_UnrelatedEdit_RecomputeNothing()
    {
        var reasons = ReasonsAfter(compilation =>
            compilation.ReplaceSyntaxTree(_other, GeneratorHarness.Parse("public class Other { int _x; }", "Other.cs")));
        Assert.All(reasons, r => Assert.True(
            r.Reason is IncrementalStepRunReason.Cached or IncrementalStepRunReason.Unchanged, $"{r.Step}: {r.Reason}"));
        Assert.All(reasons.Where(r => r.Step == "SourceOutput"), r => Assert.Equal(IncrementalStepRunReason.Cached, r.Reason));
    }

    [Fact]
    public void Steps_EditOfMethodBodyInContractFile_RecomputeNothing()
    {
        var reasons = ReasonsAfter(compilation => compilation.ReplaceSyntaxTree(
            _contract, GeneratorHarness.Parse("// A comment.\n" + Sources.All["Generics"] + "\npublic class New;")));
        Assert.All(reasons.Where(r => r.Step == "SourceOutput"), r => Assert.Equal(IncrementalStepRunReason.Cached, r.Reason));
    }

    [Fact]
    public void Steps_EditOfContract_RecomputeIt()
    {
        var edited = Sources.All["Generics"].Replace("FlowAsync", "StreamAsync", StringComparison.Ordinal);
        var reasons = ReasonsAfter(c => c.ReplaceSyntaxTree(_contract, GeneratorHarness.Parse(edited)));
        Assert.Contains(("SourceOutput", IncrementalStepRunReason.Modified), reasons);
        Assert.Contains(("SourceOutput", IncrementalStepRunReason.Cached), reasons);
    }

    private List<(string Step, IncrementalStepRunReason Reason)> ReasonsAfter(
        Func<Microsoft.CodeAnalysis.CSharp.CSharpCompilation, Compilation> edit)
    {
        var compilation = GeneratorHarness.Compile(_contract, _other);
        var driver = GeneratorHarness.Driver(withPolyType: false, trackSteps: true).RunGenerators(compilation);
        var result = driver.RunGenerators(edit(compilation)).GetRunResult().Results.Single();
        var tracked = result.TrackedSteps
            .Where(s => s.Key is ContractGenerator.ContractsStep or ContractGenerator.ShapesStep)
            .Concat(result.TrackedOutputSteps);
        var reasons = tracked
            .SelectMany(s => s.Value.SelectMany(run => run.Outputs.Select(o => (s.Key, o.Reason))))
            .ToList();

        // Two contracts and one set of shapes, an output for each, and the one that writes the baseline on demand.
        Assert.Equal(7, reasons.Count);
        return reasons;
    }
}
