using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeFixes;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;
using RpcNet.Generators.Analysis;
using RpcNet.Generators.CodeFixes;

namespace RpcNet.Generators.Tests.CodeFixes;

public sealed class CodeFixTests
{
    private const string Usings = """
        using System.Collections.Generic;
        using System.Threading.Tasks;
        using PolyType;
        using RpcNet;


        """;

    [Theory]
    [InlineData("Task RunAsync();", "Task RunAsync(CancellationToken cancellationToken = default);")]
    [InlineData("Task RunAsync(int a, int b = 1);", "Task RunAsync(int a, int b = 1, CancellationToken cancellationToken = default);")]
    public async Task MissingToken_Fixed_IsLastParameterAndImported(string before, string after)
    {
        var text = await FixAsync(new CancellationTokenFix(), "RPCNET001", Contract(before));
        Assert.Contains(after, text, StringComparison.Ordinal);
        Assert.Contains("using System.Threading;", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MissingToken_AfterParams_HasNoFix() => Assert.Empty(
        await ActionsAsync(new CancellationTokenFix(), "RPCNET001", Project(Contract("Task RunAsync(params int[] a);"))));

    [Theory]
    [InlineData("void A();", "ValueTask A();")]
    [InlineData("int A();", "ValueTask<int> A();")]
    [InlineData("IEnumerable<int> A();", "IAsyncEnumerable<int> A();")]
    [InlineData("List<int[]> A();", "ValueTask<List<int[]>> A();")]
    public async Task ReturnType_Fixed_IsAsynchronous(string before, string after) => Assert.Equal(
        Usings + Contract(after), await FixAsync(new ReturnTypeFix(), "RPCNET002", Contract(before)));

    [Theory]
    [InlineData("Task A(ref int a, in int b);", "Task A(int a, in int b);")]
    [InlineData("Task A(System.Threading.CancellationToken t, int a, int b);", "Task A(int a, int b, System.Threading.CancellationToken t);")]
    [InlineData("Task A(System.ReadOnlySpan<byte> a);", "Task A(System.ReadOnlyMemory<byte> a);")]
    public async Task Parameter_Fixed_CanTravel(string before, string after) => Assert.Equal(
        Usings + Contract(after), await FixAsync(new ParameterFix(), "RPCNET003", Contract(before)));

    [Fact]
    public async Task Parameter_Out_HasNoFix() => Assert.Empty(
        await ActionsAsync(new ParameterFix(), "RPCNET003", Project(Contract("Task A(out int a);"))));

    [Theory]
    [InlineData("RPCNET004", "Task A(); Task A(int key);", "Task A();\n    [RpcMethod(Name = \"AByKey\")]\n    Task A(int key);")]
    [InlineData("RPCNET007", "Task A(); Task AAsync();", "Task A();\n    [RpcMethod(Name = \"A2\")]\n    Task AAsync();")]
    [InlineData(
        "RPCNET007",
        "Task A(); [RpcMethod(Idempotent = true, Name = \"A\")] Task B();",
        "Task A(); [RpcMethod(Name = \"A2\", Idempotent = true)] Task B();")]
    public async Task WireName_Fixed_IsUnique(string id, string before, string after) => Assert.Equal(
        Usings + Contract(after), await FixAsync(new WireNameFix(), id, Contract(before)));

    [Theory]
    [InlineData("public record Message(int A);", "[GenerateShape]\npublic partial record Message(int A);")]
    [InlineData("public readonly struct Message;", "[GenerateShape]\npublic readonly partial struct Message;")]
    [InlineData(
        "/// <summary>Doc.</summary>\npublic sealed partial class Message { }",
        "/// <summary>Doc.</summary>\n[GenerateShape]\npublic sealed partial class Message { }")]
    public async Task MissingShape_Fixed_IsAnnotatedAndPartial(string before, string after)
    {
        var contract = Contract("Task A(Message message);") + "\n\n";
        Assert.Equal(
            Usings + contract + after, await FixAsync(new GenerateShapeFix(), "RPCNET010", contract + before));
    }

    [Fact]
    public async Task MissingShape_OfNestedType_MakesOuterTypesPartial()
    {
        const string Before = "public static class Outer\n{\n    public record Message(int A);\n}";
        const string After = "public static partial class Outer\n{\n    [GenerateShape]\n    public partial record Message(int A);\n}";
        var contract = Contract("Task A(Outer.Message message);") + "\n";
        Assert.Equal(Usings + contract + After, await FixAsync(new GenerateShapeFix(), "RPCNET010", contract + Before));
    }

    [Fact]
    public async Task MissingWitness_WithoutWitness_MakesOne()
    {
        var text = await FixAsync(
            new ShapeWitnessFix(), "RPCNET011", "namespace Samples;\n\n" + Contract("Task A(List<int[]> a);"));
        Assert.EndsWith(
            "[GenerateShapeFor<List<int[]>>]\ninternal sealed partial class RpcShapeWitness;", text.TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task MissingWitness_WithWitness_ExtendsIt()
    {
        const string Witness = "\n[GenerateShapeFor<List<byte>>]\npartial class Witness;";
        var text = await FixAsync(new ShapeWitnessFix(), "RPCNET011", Contract("Task A((int X, string Y) a);") + Witness);
        Assert.Contains("[GenerateShapeFor<List<byte>>]\n[GenerateShapeFor<", text, StringComparison.Ordinal);
        Assert.DoesNotContain("RpcShapeWitness", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MisplacedRpcMethod_Fixed_IsGone()
    {
        const string Before = "class C\n{\n    [RpcMethod(Idempotent = true)]\n    void A() { }\n}";
        Assert.Equal(
            Usings + "class C\n{\n    void A() { }\n}", await FixAsync(new MisplacedRpcMethodFix(), "RPCNET012", Before));
    }

    [Fact]
    public async Task Baseline_Accepted_IsTheContract()
    {
        var project = Project(Contract("Task<int> A(int a);"), """{ "version": 1, "services": { "old": {}, "s": { "B": """
            + """{ "kind": "Unary", "arguments": [], "input": null, "result": null } } } }""");
        var solution = await ApplyAsync(await ActionsAsync(new AcceptBaselineFix(), "RPCNET020", project));
        var text = await solution.GetProject(project.Id)!.AdditionalDocuments.Single().GetTextAsync();
        Assert.Equal(
            """
            {
              "version": 1,
              "services": {
                "s": {
                  "A": { "kind": "Unary", "arguments": ["int"], "input": null, "result": "int" }
                }
              }
            }

            """,
            text.ToString(),
            ignoreLineEndingDifferences: true);
    }

    private static string Contract(string member) => $"[RpcService(\"s\")]\npublic interface IService\n{{\n    {member}\n}}";

    private static Project Project(string source, string? baseline = null)
    {
        var project = new AdhocWorkspace().AddProject("Contracts", LanguageNames.CSharp)
            .WithParseOptions(GeneratorHarness.ParseOptions)
            .WithCompilationOptions(new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary))
            .WithMetadataReferences(GeneratorHarness.References)
            .AddDocument("Contract.cs", SourceText.From(Usings + source)).Project;
        return baseline is null
            ? project
            : project.AddAdditionalDocument("rpc.contract.json", baseline, filePath: "/project/rpc.contract.json").Project;
    }

    private static async Task<string> FixAsync(CodeFixProvider provider, string id, string source)
    {
        var project = Project(source);
        var solution = await ApplyAsync(await ActionsAsync(provider, id, project));
        var text = await solution.GetProject(project.Id)!.Documents.Single().GetTextAsync();
        return text.ToString().ReplaceLineEndings("\n");
    }

    private static async Task<List<CodeAction>> ActionsAsync(CodeFixProvider provider, string id, Project project)
    {
        Assert.Contains(id, provider.FixableDiagnosticIds);
        var compilation = await project.GetCompilationAsync();
        var diagnostics = await compilation!.WithAnalyzers([new ContractAnalyzer()], project.AnalyzerOptions)
            .GetAnalyzerDiagnosticsAsync();
        var actions = new List<CodeAction>();
        await provider.RegisterCodeFixesAsync(new CodeFixContext(
            project.Documents.Single(),
            diagnostics.First(d => d.Id == id),
            (action, _) => actions.Add(action),
            CancellationToken.None));
        return actions;
    }

    private static async Task<Solution> ApplyAsync(List<CodeAction> actions)
    {
        var operations = await Assert.Single(actions).GetOperationsAsync(CancellationToken.None);
        return operations.OfType<ApplyChangesOperation>().Single().ChangedSolution;
    }
}
