using Microsoft.CodeAnalysis;
using RpcNet.Generators.Contracts;

namespace RpcNet.Generators.Tests.Analysis;

public sealed class BuiltInTypesTests
{
    [Fact]
    public void Names_EqualTheShapesThatAbstractionsBring()
    {
        var compilation = GeneratorHarness.Compile();
        var shapes = compilation.GetTypeByMetadataName("RpcNet.BuiltInShapes")!;
        var names = shapes.Interfaces
            .Where(i => i.Name == "IShapeable")
            .Select(i => i.TypeArguments[0].ToDisplayString(Symbols.Readable));
        Assert.Equal(BuiltInTypes.Names.Order(StringComparer.Ordinal), names.Order(StringComparer.Ordinal));
    }
}
