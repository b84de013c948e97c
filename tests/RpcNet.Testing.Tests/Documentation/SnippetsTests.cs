using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace RpcNet.Testing.Tests.Documentation;

/// <summary>The code in docs/testing.md is the code of tests. RPCNET_UPDATE_FILES=1 writes it there anew.</summary>
public sealed partial class SnippetsTests
{
    [Fact]
    public void TestingPage_ShowsTheTestsOwnCode()
    {
        var tests = Path.GetDirectoryName(Path.GetDirectoryName(ThisFile()))!;
        var snippets = Directory.EnumerateFiles(tests, "*.cs", SearchOption.AllDirectories)
            .Where(static f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal))
            .SelectMany(static f => Source().Matches(File.ReadAllText(f)))
            .ToDictionary(static m => m.Groups["name"].Value, static m => Outdent(m.Groups["code"].Value));
        var path = Path.Combine(tests, "..", "..", "docs", "testing.md");
        var page = File.ReadAllText(path);
        var shown = new List<string>();
        var fresh = Shown().Replace(page, m =>
        {
            shown.Add(m.Groups["name"].Value);
            return $"<!-- snippet: {m.Groups["name"].Value} -->\n```csharp\n{snippets[m.Groups["name"].Value]}```";
        });
        Assert.Equal(snippets.Keys.Order(), shown.Order());
        if (Environment.GetEnvironmentVariable("RPCNET_UPDATE_FILES") == "1")
        {
            File.WriteAllText(path, fresh);
        }
        else
        {
            Assert.Equal(fresh, page);
        }
    }

    private static string Outdent(string code)
    {
        var lines = code.TrimEnd().Split('\n');
        var indent = lines.Where(static l => l.Trim().Length > 0).Min(static l => l.Length - l.TrimStart().Length);
        return string.Concat(lines.Select(l => (l.Length > indent ? l[indent..] : "") + "\n"));
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;

    [GeneratedRegex(@"^ *// snippet: (?<name>\w+)\n(?<code>.*?)\n *// end snippet$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Source();

    [GeneratedRegex(@"<!-- snippet: (?<name>\w+) -->\n```csharp\n.*?```", RegexOptions.Singleline)]
    private static partial Regex Shown();
}
