using RpcNet.Generators.Baseline;

namespace RpcNet.Generators.Tests.Analysis;

public sealed class BaselineTests
{
    private const string Contract =
        "[RpcService(\"s\")] interface IService { ValueTask<int> AAsync(int a, string? b, CancellationToken t); "
        + "IAsyncEnumerable<string> B(IAsyncEnumerable<int[]> i, CancellationToken t); }";

    private const string Written = """
        {
          "version": 1,
          "services": {
            "s": {
              "A": { "kind": "Unary", "arguments": ["int", "string"], "input": null, "result": "int" },
              "B": { "kind": "Bidirectional", "arguments": [], "input": "int[]", "result": "string" }
            }
          }
        }

        """;

    public static TheoryData<string, string, string> Changes => new()
    {
        { "AAsync", "A2", "RPCNET020,RPCNET022" },
        { "ValueTask<int>", "Task<int>", "" },
        { "string? b", "string c", "" },
        { "ValueTask<int>", "ValueTask<long>", "RPCNET021" },
        { "ValueTask<int>", "ValueTask", "RPCNET021" },
        { "int a, string? b", "string? b, int a", "RPCNET021" },
        { "int a, string? b", "int a, string? b, int c", "RPCNET021" },
        { "int[]", "List<int>", "RPCNET021" },
        { "IAsyncEnumerable<string> B", "Task<string> B", "RPCNET021" },
        { "\"s\"", "\"s2\"", "RPCNET022,RPCNET024" },
        { "interface IService", "interface IService : IMore", "RPCNET022" },
    };

    [Fact]
    public async Task Baseline_OfUnchangedContract_IsSilent() =>
        Assert.Empty(await AnalyzerHarness.AnalyzeAsync(Contract, Written));

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Baseline_OfChangedContract_TellsWhatBreaks(string from, string to, string expected)
    {
        var changed = Contract.Replace(from, to, StringComparison.Ordinal)
            + " interface IMore { Task C(CancellationToken t); }";
        var diagnostics = await AnalyzerHarness.AnalyzeAsync(changed, Written);
        Assert.Equal(expected, string.Join(",", diagnostics.Select(d => d.Id).Distinct().Order(StringComparer.Ordinal)));
    }

    [Fact]
    public async Task Baseline_WhileItIsWritten_IsNotCompared() =>
        Assert.Empty(await AnalyzerHarness.AnalyzeAsync(
            Contract.Replace("AAsync", "A2", StringComparison.Ordinal), Written, writing: true));

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{ \"version\": 2, \"services\": {} }")]
    [InlineData("{ \"version\": 1 }")]
    [InlineData("{ \"version\": 1, \"services\": { \"s\": { \"A\": {} } } }")]
    [InlineData("{ \"version\": 1, \"services\": {} } x")]
    [InlineData("[[[[[[[[[[[[[[[[[[[[[[[[")]
    public async Task Baseline_Malformed_IsOneError(string text)
    {
        var diagnostics = await AnalyzerHarness.AnalyzeAsync(Contract, text);
        Assert.Equal(["RPCNET023"], diagnostics.Select(d => d.Id));
    }

    [Fact]
    public void Json_WrittenAndRead_IsTheSame()
    {
        var baseline = BaselineJson.Read(Written);
        Assert.Equal(Written, BaselineJson.Write(baseline), ignoreLineEndingDifferences: true);
        baseline.Services["odd\"\\\u0001"] = [];
        Assert.Equal(["odd\"\\\u0001", "s"], BaselineJson.Read(BaselineJson.Write(baseline)).Services.Keys);
    }
}
