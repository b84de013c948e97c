using System.Text.RegularExpressions;

namespace RpcNet.Architecture.Tests.Documentation;

/// <summary>What the documentation names is there: files, chapters, projects, scripts, tests, and the words its commands take.</summary>
public sealed partial class ReferencesTests
{
    private static readonly string[] Pages =
    [
        .. Directory.GetFiles(Repository.Root, "*.md"),
        .. Below("docs", "*.md"),
        .. Below("interop", "*.md"),
    ];

    private static readonly string[] TestSources = Below("tests", "*.cs");

    /// <summary>By test project: the full names of its classes.</summary>
    private static readonly ILookup<string, string> TestClasses = TestSources
        .SelectMany(static path =>
        {
            var text = File.ReadAllText(path);
            var space = Namespace().Match(text).Groups["name"].Value;
            var project = Path.GetRelativePath(Path.Combine(Repository.Root, "tests"), path).Split(Path.DirectorySeparatorChar)[0];
            return Class().Matches(text).Select(m => (Project: project, Name: $"{space}.{m.Groups["name"].Value}"));
        })
        .ToLookup(static c => c.Project, static c => c.Name);

    [Fact]
    public void Links_LeadToFilesAndTheirChapters() => CheckAll(Link(), static (page, link) =>
    {
        if (link.Groups["file"].Value.Contains("://", StringComparison.Ordinal))
        {
            return true;
        }

        var file = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page)!, link.Groups["file"].Value));
        return (File.Exists(file) || Directory.Exists(file))
            && (link.Groups["chapter"].Value.Length == 0 || Chapters(file).Contains(link.Groups["chapter"].Value));
    });

    [Fact]
    public void Paths_Exist() => CheckAll(RepositoryPath(), static (_, path) =>
    {
        var file = Path.Combine(Repository.Root, path.Groups["path"].Value);
        return File.Exists(file) || Directory.Exists(file);
    });

    [Fact]
    public void Tests_Exist()
    {
        // "TEST Core Flaws" is claims.md's short form; what follows the project is a part of the class's full name.
        CheckAll(TestCommand(), static (_, command) => TestClasses[$"RpcNet.{command.Groups["project"].Value}.Tests"]
            .Any(name => name.Contains(command.Groups["name"].Value, StringComparison.Ordinal)));
        CheckAll(ClassFilter(), static (_, filter) => AllClasses()
            .Any(name => name.Contains(filter.Groups["name"].Value, StringComparison.Ordinal)));
        CheckAll(TestsOfProject(), static (_, run) => TestClasses
            .Any(project => project.Key.Contains(run.Groups["name"].Value, StringComparison.Ordinal)));
        CheckAll(TestClass(), static (_, test) =>
        {
            var sources = TestSources.Select(File.ReadAllText)
                .Where(text => Class().Matches(text).Any(c => c.Groups["name"].Value == test.Groups["class"].Value)).ToList();
            return sources.Count > 0
                && (!test.Groups["method"].Success || sources.Exists(text => text.Contains($" {test.Groups["method"].Value}", StringComparison.Ordinal)));
        });
    }

    /// <summary>"--project benchmarks/X -- kills": the program knows the word.</summary>
    [Fact]
    public void Arguments_AreKnownToTheirPrograms()
    {
        CheckAll(ProgramArgument(), static (_, command) => Knows(command.Groups["project"].Value, command.Groups["word"].Value));
        CheckAll(Scenario(), static (_, command) => Knows("tools/RpcNet.Simulator", command.Groups["word"].Value)
            || Knows("src/RpcNet.Testing/Simulation", command.Groups["word"].Value));

        static bool Knows(string project, string word) => Below(project, "*.cs")
            .Any(file => File.ReadAllText(file).Contains($"\"{word}\"", StringComparison.Ordinal));
    }

    private static void CheckAll(Regex form, Func<string, Match, bool> holds)
    {
        var found = Pages.SelectMany(page => form.Matches(File.ReadAllText(page)).Select(match => (page, match))).ToList();
        Assert.NotEmpty(found);
        Assert.Empty(found.Where(f => !holds(f.page, f.match)).Select(static f => $"{Path.GetRelativePath(Repository.Root, f.page)}: {f.match.Value}"));
    }

    // What was built or fetched is not ours.
    private static string[] Below(string folder, string pattern) =>
    [
        .. Directory.GetFiles(Path.Combine(Repository.Root, folder), pattern, SearchOption.AllDirectories)
            .Where(static path => !path.Split(Path.DirectorySeparatorChar).Intersect(["obj", "bin", "node_modules"]).Any()),
    ];

    private static IEnumerable<string> AllClasses() => TestClasses.SelectMany(static project => project);

    private static IEnumerable<string> Chapters(string page) => Heading().Matches(File.ReadAllText(page))
        .Select(static m => NoAnchor().Replace(m.Groups["text"].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-'));

    [GeneratedRegex(@"\]\((?<file>[^)#\s]+)(?:#(?<chapter>[^)]*))?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^#+ (?<text>.*)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^a-z0-9 _-]")]
    private static partial Regex NoAnchor();

    // "X" stands for any project.
    [GeneratedRegex(@"(?<![\w/.-])(?:\./)?(?<path>(?:eng|tools|benchmarks|tests|src|samples|interop|docs|templates)/(?!RpcNet\.X\.)[\w./-]*\w)")]
    private static partial Regex RepositoryPath();

    [GeneratedRegex(@"`TEST (?!X Y)(?<project>\w+) (?<name>\w+)`")]
    private static partial Regex TestCommand();

    [GeneratedRegex(@"-class '?\*?(?!Y\*)(?<name>[\w.]+)")]
    private static partial Regex ClassFilter();

    [GeneratedRegex(@"run-tests\.sh (?:--all )?(?<name>[A-Z]\w+)")]
    private static partial Regex TestsOfProject();

    [GeneratedRegex(@"\b(?<class>[A-Z]\w+Tests)\b(?:\.(?<method>[A-Z]\w+))?(?![.\w]*/)")]
    private static partial Regex TestClass();

    [GeneratedRegex(@"--project (?<project>(?:benchmarks|tools)/[\w.]+) -- (?<word>[a-z]+)\b")]
    private static partial Regex ProgramArgument();

    [GeneratedRegex(@"(?:`SIM|--scenario) (?<word>[a-z]\w*)")]
    private static partial Regex Scenario();

    [GeneratedRegex(@"^namespace (?<name>[\w.]+)", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"\bclass (?<name>\w+)")]
    private static partial Regex Class();
}
