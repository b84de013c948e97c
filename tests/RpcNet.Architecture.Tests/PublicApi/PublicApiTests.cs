using System.Reflection;

namespace RpcNet.Architecture.Tests.PublicApi;

/// <summary>
/// What each package promises stands in a file beside this one, so that a change of it is seen in review. RPCNET_UPDATE_FILES=1
/// writes the files anew.
/// </summary>
public sealed class PublicApiTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "RpcNet.Architecture.Tests", "PublicApi");

    public static TheoryData<string> Assemblies => [.. Rules.Arrows.Keys];

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void Assembly_ItsPublicApi_IsTheOneOnFile(string assembly)
    {
        var api = string.Concat(PublicApiWriter.Describe(Assembly.Load(assembly).GetExportedTypes()).Select(static line => line + "\n"));
        var path = Path.Combine(Folder, $"{assembly}.txt");
        if (Environment.GetEnvironmentVariable("RPCNET_UPDATE_FILES") == "1")
        {
            File.WriteAllText(path, api);
            return;
        }

        var onFile = File.Exists(path) ? File.ReadAllText(path).Split('\n') : [];
        var differences = onFile.Except(api.Split('\n')).Select(static l => $"- {l}").Concat(api.Split('\n').Except(onFile).Select(static l => $"+ {l}"));
        Assert.True(
            string.Join('\n', onFile) == api,
            $"The public API of {assembly} has changed. If that is meant: RPCNET_UPDATE_FILES=1 dotnet run --project "
            + $"tests/RpcNet.Architecture.Tests -- -class '*PublicApiTests'\n{string.Join('\n', differences)}");
    }

    [Fact]
    public void Describe_EveryKindOfMember_IsWrittenAsItIsDeclared() => Assert.Equal(
        [
            "class RpcNet.Architecture.Tests.Samples.Promise<T> : System.IDisposable where T : class",
            "  .ctor(System.Int32 size = 3)",
            "  System.Int32? Size { get; init; }",
            "  System.Void Dispose()",
            "  const System.String Name = \"n\"",
            "  event System.EventHandler Changed",
            "  protected virtual System.Void OnChanged(ref System.Int32 by)",
            "  static System.Threading.Tasks.Task<T> GetAsync(T[] items, System.Threading.CancellationToken token = default)",
        ],
        PublicApiWriter.Describe([typeof(Samples.Promise<>)]));
}
