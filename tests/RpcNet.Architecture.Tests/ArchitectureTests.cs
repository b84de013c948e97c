using System.Reflection;

namespace RpcNet.Architecture.Tests;

/// <summary>The arrows point inward; implementations are internal and sealed; libraries know no logger but ILogger.</summary>
public sealed class ArchitectureTests
{
    public static TheoryData<string> Assemblies => [.. Rules.Arrows.Keys];

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void References_FollowTheArrows(string assembly) =>
        Assert.Empty(Rules.ReferencesAgainstTheArrows(assembly, References(assembly)));

    /// <summary>In particular: no Serilog in a library, and no hosting or container in the core.</summary>
    [Theory]
    [MemberData(nameof(Assemblies))]
    public void References_ToPackages_AreThoseAgreedOn(string assembly) =>
        Assert.Empty(Rules.ReferencesToTheOutside(assembly, References(assembly)));

    [Theory]
    [MemberData(nameof(Assemblies))]
    public void Implementations_AreInternalAndSealed(string assembly) =>
        Assert.Empty(Rules.ExposedImplementations(Assembly.Load(assembly).GetTypes()));

    [Fact]
    public void Assemblies_OfTheProduct_AreAllUnderTheRules()
    {
        var built = Directory.GetFiles(AppContext.BaseDirectory, "RpcNet.*.dll").Select(static f => Path.GetFileNameWithoutExtension(f)!)
            .Where(static name => !name.EndsWith(".Tests", StringComparison.Ordinal));
        Assert.Equal(Rules.Arrows.Keys.Order(), built.Order());
    }

    [Theory]
    [InlineData("RpcNet.Core", "RpcNet.Hosting")]
    [InlineData("RpcNet.Cluster", "RpcNet.Transports.Ngtcp2")]
    [InlineData("RpcNet.Transports.Ngtcp2", "RpcNet.Cluster")]
    [InlineData("RpcNet.Hosting", "RpcNet.Testing")]
    public void Arrow_Broken_IsReported(string assembly, string reference) =>
        Assert.Equal([$"{assembly} must not refer to {reference}"], Rules.ReferencesAgainstTheArrows(assembly, ["System.Runtime", "RpcNet.Abstractions", reference]));

    [Theory]
    [InlineData("RpcNet.Core", "Microsoft.Extensions.DependencyInjection.Abstractions")]
    [InlineData("RpcNet.Core", "Microsoft.Extensions.Hosting.Abstractions")]
    [InlineData("RpcNet.Hosting", "Serilog")]
    public void Package_NotAgreedOn_IsReported(string assembly, string reference) =>
        Assert.Equal([$"{assembly} must not refer to {reference}"], Rules.ReferencesToTheOutside(assembly, ["System.Runtime", reference]));

    [Fact]
    public void Implementation_Exposed_IsReported() => Assert.Equal(
        [$"{typeof(Samples.Internal.Exposed)} is public in a namespace of implementations", $"{typeof(Samples.Open)} is internal and should be sealed"],
        Rules.ExposedImplementations([typeof(Samples.Internal.Exposed), typeof(Samples.Open), typeof(Samples.Parent), typeof(Samples.Heir)]));

    private static IEnumerable<string> References(string assembly) =>
        Assembly.Load(assembly).GetReferencedAssemblies().Select(static r => r.Name!);
}
