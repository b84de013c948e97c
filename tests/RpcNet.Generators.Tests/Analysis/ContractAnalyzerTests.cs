using Microsoft.CodeAnalysis;
using RpcNet.Generators.Analysis;

namespace RpcNet.Generators.Tests.Analysis;

public sealed class ContractAnalyzerTests
{
    public static TheoryData<string, string> Members => new()
    {
        { "ValueTask<int> A(CancellationToken t);", "" },
        { "Task<string[]> A(List<int> a, Guid? b, ReadOnlyMemory<byte> c, Uri d, CancellationToken t);", "" },
        { "int A(CancellationToken t);", "RPCNET002" },
        { "void A(CancellationToken t);", "RPCNET002" },
        { "ref ValueTask A(CancellationToken t);", "RPCNET002" },
        { "IEnumerable<int> A(CancellationToken t);", "RPCNET002" },
        { "Task<IAsyncEnumerable<int>> A(CancellationToken t);", "RPCNET002" },
        { "ValueTask A(ref int a);", "RPCNET003" },
        { "ValueTask A(in int a);", "RPCNET003" },
        { "ValueTask A(out int a);", "RPCNET003" },
        { "ValueTask A(Action a);", "RPCNET003" },
        { "ValueTask A(Span<byte> a);", "RPCNET003" },
        { "unsafe ValueTask A(int* a);", "RPCNET003" },
        { "ValueTask A(CancellationToken t, int a);", "RPCNET003" },
        { "ValueTask A(); ValueTask A(int a);", "RPCNET004" },
        { "ValueTask A(); ValueTask AAsync(int a);", "RPCNET007" },
        { "ValueTask A(); [RpcMethod(Name = \"B\")] ValueTask A(int a);", "" },
        { "[RpcMethod(Name = \"B\")] ValueTask A(); ValueTask B();", "RPCNET007" },
        { "ValueTask A<T>(T a);", "RPCNET005" },
        { "int P { get; }", "RPCNET006" },
        { "int this[int i] { get; }", "RPCNET006" },
        { "event Action E;", "RPCNET006" },
        { "static abstract ValueTask A();", "RPCNET006" },
        { "static int One => 1; const int Two = 2; int Three => 3; class Nested; ValueTask A() => default;", "" },
        { "[RpcMethod(Name = \"a/b\")] ValueTask A();", "RPCNET008" },
        { "[RpcMethod(Name = \"\")] ValueTask A();", "RPCNET008" },
        { "ValueTask Ä();", "RPCNET008" },
        { "ValueTask A(IAsyncEnumerable<int> a, IAsyncEnumerable<int> b);", "RPCNET009" },
        { "[RpcMethod(TimeoutMilliseconds = -1)] ValueTask A();", "RPCNET017" },
        { "[RpcMethod(Replayable = true)] ValueTask A();", "RPCNET019" },
        { "[RpcMethod(Idempotent = true, Replayable = true)] IAsyncEnumerable<int> A();", "RPCNET019" },
        { "[RpcMethod] ValueTask A() => default;", "RPCNET012" },
        { "ValueTask ServiceClient();", "RPCNET015" },
        { "ValueTask<object> A();", "RPCNET016" },
        { "ValueTask<List<dynamic>> A();", "RPCNET016" },
        { "ValueTask A(Stream a);", "RPCNET016" },
        { "ValueTask<Task<int>> A();", "RPCNET016" },
        { "ValueTask A(List<IAsyncEnumerable<int>> a);", "RPCNET016" },
    };

    public static TheoryData<string, string, string> Payloads => new()
    {
        { "ValueTask<Message> A();", "public record Message(int A);", "RPCNET010" },
        { "ValueTask A(IAsyncEnumerable<Message> a);", "public class Message;", "RPCNET010" },
        { "IAsyncEnumerable<Message> A();", "public struct Message;", "RPCNET010" },
        { "ValueTask<Message> A();", "[GenerateShape] public partial record Message(int A);", "" },
        { "ValueTask<Inner> A();", "[GenerateShape] public partial record Message(Inner A); public record Inner;", "" },
        { "ValueTask<List<Inner>> A();", "[GenerateShape] public partial record Message(List<Inner> A); public record Inner;", "" },
        { "ValueTask<List<Message>> A();", "[GenerateShape] public partial record Message(int A);", "RPCNET011" },
        { "ValueTask<DayOfWeek> A();", "", "RPCNET011" },
        { "ValueTask<(int, string)> A();", "", "RPCNET011" },
        { "ValueTask<(int A, string? B)> A();", "[GenerateShapeFor<(int, string)>] partial class Witness;", "" },
        { "ValueTask<DayOfWeek> A();", "[GenerateShapeFor(typeof(DayOfWeek))] partial class Witness;", "" },
    };

    [Theory]
    [MemberData(nameof(Members))]
    public async Task Contract_WithMembers_IsDiagnosed(string members, string expected)
    {
        var ids = await AnalyzerHarness.IdsAsync(members);
        Assert.Equal(expected, string.Join(",", ids));
    }

    [Theory]
    [MemberData(nameof(Payloads))]
    public async Task Contract_WithPayloads_IsDiagnosed(string members, string types, string expected)
    {
        var ids = await AnalyzerHarness.IdsAsync(members, types);
        Assert.Equal(expected, string.Join(",", ids));
    }

    [Theory]
    [InlineData("[RpcService(\"a b\")] interface IA;", "RPCNET008")]
    [InlineData("[RpcService(\"\")] interface IA;", "RPCNET008")]
    [InlineData("[RpcService(\"a/b\")] interface IA;", "RPCNET008")]
    [InlineData("[RpcService(\"a\")] interface IA<T>;", "RPCNET013")]
    [InlineData("class Outer<T> { [RpcService(\"a\")] internal interface IA; }", "RPCNET013")]
    [InlineData("[RpcService(\"a\")] file interface IA;", "RPCNET014")]
    [InlineData("class Outer { [RpcService(\"a\")] private interface IA; }", "RPCNET014")]
    [InlineData("[RpcService(\"a\")] interface IA; class AClient;", "RPCNET015")]
    [InlineData("[RpcService(\"a\")] interface IA; [RpcService(\"b\")] interface A;", "RPCNET015")]
    [InlineData("[RpcService(\"a\")] interface IA; [RpcService(\"a\")] interface IB;", "RPCNET018")]
    [InlineData("[RpcService(\"a\")] interface IA; [RpcService(\"b\")] interface IB;", "")]
    [InlineData("interface IA { [RpcMethod] Task A(CancellationToken t); }", "RPCNET012")]
    [InlineData("interface IA { [RpcMethod] Task A(CancellationToken t); } [RpcService(\"b\")] interface IB : IA;", "")]
    [InlineData("class A { [RpcMethod] Task M(CancellationToken t) => Task.CompletedTask; }", "RPCNET012")]
    public async Task Interface_IsDiagnosed(string source, string expected)
    {
        var diagnostics = await AnalyzerHarness.AnalyzeAsync(source);
        Assert.Equal(expected, string.Join(",", diagnostics.Select(d => d.Id)));
    }

    [Fact]
    public async Task ServiceName_Of200Characters_IsTheLongest()
    {
        Assert.Empty(await AnalyzerHarness.AnalyzeAsync($"[RpcService(\"{new string('a', 200)}\")] interface IA;"));
        Assert.Single(await AnalyzerHarness.AnalyzeAsync($"[RpcService(\"{new string('a', 201)}\")] interface IA;"));
    }

    [Fact]
    public async Task Method_WithoutToken_IsMentionedAtItsName()
    {
        var diagnostic = Assert.Single(
            await AnalyzerHarness.AnalyzeAsync("[RpcService(\"a\")] interface IA { Task RunAsync(int a); }"));
        Assert.Equal("RPCNET001", diagnostic.Id);
        Assert.Equal(DiagnosticSeverity.Info, diagnostic.Severity);
        var span = diagnostic.Location.SourceSpan;
        Assert.Equal("RunAsync", diagnostic.Location.SourceTree!.ToString().Substring(span.Start, span.Length));
    }

    [Fact]
    public async Task Contract_WithError_GetsNoCode()
    {
        var source = AnalyzerHarness.Usings + "[RpcService(\"a\")] interface IA { void Bad(); Task Good(); }";
        Assert.Empty(GeneratorHarness.Generate(GeneratorHarness.Compile(GeneratorHarness.Parse(source))));
        Assert.NotEmpty(await AnalyzerHarness.AnalyzeAsync("[RpcService(\"a\")] interface IA { void Bad(); Task Good(); }"));
    }

    [Fact]
    public async Task SnapshotContracts_HaveNoErrors()
    {
        foreach (var source in Emit.Sources.All.Values)
        {
            var diagnostics = await AnalyzerHarness.AnalyzeAsync(GeneratorHarness.Compile(GeneratorHarness.Parse(source)));
            Assert.Empty(diagnostics.Where(d => d.Id != "RPCNET001").Select(d => d.ToString()));
        }
    }

    [Fact]
    public void Rules_All_HaveAHelpPageAndAreReleased()
    {
        var repository = GeneratorHarness.Metadata("Repository");
        var released = File.ReadAllText(
            Path.Combine(repository, "src", "RpcNet.Generators", "AnalyzerReleases.Unshipped.md"));
        foreach (var rule in new ContractAnalyzer().SupportedDiagnostics)
        {
            var page = Path.Combine(repository, "docs", "diagnostics", rule.Id + ".md");
            Assert.True(File.Exists(page), $"{page} is missing");
            Assert.Contains(rule.Title.ToString(), File.ReadLines(page).First(), StringComparison.Ordinal);
            Assert.Equal($"docs/diagnostics/{rule.Id}.md", rule.HelpLinkUri);
            Assert.Contains(rule.Id, released, StringComparison.Ordinal);
        }
    }
}
