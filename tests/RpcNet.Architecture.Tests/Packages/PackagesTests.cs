using System.Diagnostics;
using System.IO.Compression;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text;
using System.Xml.Linq;

namespace RpcNet.Architecture.Tests.Packages;

/// <summary>
/// What is in the packages that eng/pack.sh makes: looked at in the slow tier, or in the folder that RPCNET_PACKAGES names.
/// </summary>
public sealed class PackagesTests(PackagesTests.PackagesFixture packages) : IClassFixture<PackagesTests.PackagesFixture>
{
    private static readonly Guid SourceLinkKind = new("CC110556-A091-4D38-9FEC-25AB9A351A6A");

    public static TheoryData<string> Libraries => [.. Rules.Arrows.Keys];

    [Theory]
    [MemberData(nameof(Libraries))]
    public void Library_ItsPackage_HasAllThatItsUsersNeed(string name)
    {
        using var package = packages.Open(name, "nupkg");
        var metadata = XDocument.Load(package.GetEntry($"{name}.nuspec")!.Open()).Root!.Elements().Single();
        string? Value(string element) => metadata.Elements().SingleOrDefault(e => e.Name.LocalName == element)?.Value;
        Assert.Equal("README.md", Value("readme"));
        Assert.Equal("icon.png", Value("icon"));
        Assert.Equal("MIT", Value("license"));
        Assert.NotEmpty(Value("description")!);
        var repository = metadata.Elements().Single(static e => e.Name.LocalName == "repository");
        Assert.StartsWith("https://", repository.Attribute("url")!.Value);
        Assert.Equal(40, repository.Attribute("commit")!.Value.Length);
        Assert.All(
            ["README.md", "icon.png", $"lib/net10.0/{name}.dll", $"lib/net10.0/{name}.xml"],
            path => Assert.True(package.GetEntry(path) is { Length: > 0 }, $"{name} has no {path}"));
        Assert.DoesNotContain(package.Entries, static e => e.FullName.EndsWith(".pdb", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Libraries))]
    public void Library_ItsSymbols_LeadToTheSourcesAndAreTheSameOnEveryMachine(string name)
    {
        using var package = packages.Open(name, "nupkg");
        using var library = new PEReader(new MemoryStream(Bytes(package, $"lib/net10.0/{name}.dll")));
        Assert.Contains(library.ReadDebugDirectory(), static e => e.Type == DebugDirectoryEntryType.Reproducible);

        using var symbols = packages.Open(name, "snupkg");
        using var provider = MetadataReaderProvider.FromPortablePdbStream(new MemoryStream(Bytes(symbols, $"lib/net10.0/{name}.pdb")));
        var reader = provider.GetMetadataReader();
        var link = reader.CustomDebugInformation.Select(reader.GetCustomDebugInformation).Single(i => reader.GetGuid(i.Kind) == SourceLinkKind);
        Assert.Contains("\"/_/*\":\"https://", Encoding.UTF8.GetString(reader.GetBlobBytes(link.Value)));
        Assert.All(
            reader.Documents.Select(d => reader.GetString(reader.GetDocument(d).Name)),
            static path => Assert.StartsWith("/_/", path));
    }

    [Fact]
    public void Abstractions_BringTheGeneratorAndItsCodeFixes()
    {
        using var package = packages.Open("RpcNet.Abstractions", "nupkg");
        Assert.NotNull(package.GetEntry("analyzers/dotnet/cs/RpcNet.Generators.dll"));
        Assert.NotNull(package.GetEntry("analyzers/dotnet/cs/RpcNet.Generators.CodeFixes.dll"));
    }

    [Fact]
    public void Hosting_BringsTheSchemaOfItsSettingsToEditors()
    {
        using var package = packages.Open("RpcNet.Hosting", "nupkg");
        Assert.NotNull(package.GetEntry("appsettings.schema.json"));
        Assert.Contains(
            "<JsonSchemaSegment Include=\"$(MSBuildThisFileDirectory)../appsettings.schema.json\"",
            Encoding.UTF8.GetString(Bytes(package, "buildTransitive/RpcNet.Hosting.targets")));
    }

    private static byte[] Bytes(ZipArchive package, string path)
    {
        using var content = (package.GetEntry(path) ?? throw new InvalidDataException($"There is no {path}.")).Open();
        using var copy = new MemoryStream();
        content.CopyTo(copy);
        return copy.ToArray();
    }

    /// <summary>The folder of the packages.</summary>
    public sealed class PackagesFixture
    {
        private readonly Lazy<string> _folder = new(Pack);

        public ZipArchive Open(string name, string extension)
        {
            Assert.SkipUnless(
                Environment.GetEnvironmentVariable("RPCNET_TESTS") == "all" || Environment.GetEnvironmentVariable("RPCNET_PACKAGES") is not null,
                "Packing takes minutes: RPCNET_TESTS=all, or RPCNET_PACKAGES=folder after eng/pack.sh.");
            return ZipFile.OpenRead(Assert.Single(Directory.GetFiles(_folder.Value, $"{name}.?.*.{extension}"), f => char.IsAsciiDigit(Path.GetFileName(f)[name.Length + 1])));
        }

        private static string Pack()
        {
            if (Environment.GetEnvironmentVariable("RPCNET_PACKAGES") is { } made)
            {
                return made;
            }

            var folder = Path.Combine(AppContext.BaseDirectory, "packages");
            using var pack = Process.Start("bash", [Path.Combine(Repository.Root, "eng", "pack.sh"), folder])!;
            pack.WaitForExit();
            Assert.Equal(0, pack.ExitCode);
            return folder;
        }
    }
}
