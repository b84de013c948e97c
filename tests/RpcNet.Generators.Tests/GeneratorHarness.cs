using System.Reflection;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace RpcNet.Generators.Tests;

/// <summary>Compiles source with the generator, against the assemblies that these tests run with.</summary>
internal static class GeneratorHarness
{
    public static readonly CSharpParseOptions ParseOptions =
        new(LanguageVersion.CSharp14, DocumentationMode.Diagnose);

    public static readonly MetadataReference[] References =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
            .Split(Path.PathSeparator)
            .Where(path => !Path.GetFileName(path).StartsWith("RpcNet.Generators", StringComparison.Ordinal))
            .Select(path => MetadataReference.CreateFromFile(path)),
    ];

    private static readonly Lazy<ISourceGenerator> PolyType = new(() =>
    {
        var assembly = AssemblyLoadContext.Default.LoadFromAssemblyPath(Metadata("PolyTypeGenerator"));
        var type = assembly.GetTypes().Single(t => typeof(IIncrementalGenerator).IsAssignableFrom(t) && !t.IsAbstract);
        return ((IIncrementalGenerator)Activator.CreateInstance(type)!).AsSourceGenerator();
    });

    public static string Metadata(string key) =>
        typeof(GeneratorHarness).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(a => a.Key == key).Value!;

    public static SyntaxTree Parse(string source, string path = "Contract.cs") =>
        CSharpSyntaxTree.ParseText(source, ParseOptions, path);

    /// <summary>A compilation with every warning on and an error.</summary>
    public static CSharpCompilation Compile(params IEnumerable<SyntaxTree> trees) => CSharpCompilation.Create(
        "Contracts",
        trees,
        References,
        new CSharpCompilationOptions(
            OutputKind.DynamicallyLinkedLibrary,
            generalDiagnosticOption: ReportDiagnostic.Error,
            warningLevel: 9999,
            nullableContextOptions: NullableContextOptions.Enable));

    public static GeneratorDriver Driver(bool withPolyType = true, bool trackSteps = false) =>
        CSharpGeneratorDriver.Create(
            withPolyType
                ? [new ContractGenerator().AsSourceGenerator(), PolyType.Value]
                : [new ContractGenerator().AsSourceGenerator()],
            parseOptions: ParseOptions,
            driverOptions: new GeneratorDriverOptions(IncrementalGeneratorOutputKind.None, trackSteps));

    /// <summary>Our generator's files by name.</summary>
    public static Dictionary<string, string> Generate(CSharpCompilation compilation) =>
        Driver(withPolyType: false).RunGenerators(compilation).GetRunResult().Results.Single().GeneratedSources
            .ToDictionary(s => s.HintName, s => s.SourceText.ToString());

    /// <summary>
    /// The compilation with what both generators add. Our files lose their pragma, so that the compiler judges them as it
    /// would judge code written by hand.
    /// </summary>
    public static Compilation WithGenerated(CSharpCompilation compilation)
    {
        var results = Driver().RunGenerators(compilation).GetRunResult().Results;
        Assert.All(results, result => Assert.Null(result.Exception));
        var trees = results.SelectMany(result => result.GeneratedSources.Select(source => Parse(
            result.Generator.GetGeneratorType() == typeof(ContractGenerator)
                ? source.SourceText.ToString().Replace("#pragma warning disable\n", "", StringComparison.Ordinal)
                : source.SourceText.ToString(),
            source.HintName)));
        return compilation.AddSyntaxTrees(trees);
    }

    public static void AssertCompiles(Compilation compilation)
    {
        using var output = new MemoryStream();
        var result = compilation.Emit(output);
        Assert.Empty(result.Diagnostics.Where(d => d.Severity >= DiagnosticSeverity.Warning).Select(d => d.ToString()));
    }
}
