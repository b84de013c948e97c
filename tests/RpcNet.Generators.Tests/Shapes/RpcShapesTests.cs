using PolyType;
using RpcNet.Generators.Tests.Calls;

namespace RpcNet.Generators.Tests.Shapes;

public sealed class RpcShapesTests
{
    [Fact]
    public void Find_AnnotatedType_GivesItsShape() => Assert.NotNull(RpcShapes.Find<Sum>());

    [Fact]
    public void Find_TypeOfWitnessInAssembly_IsRegisteredByGeneratedCode()
    {
        Assert.NotNull(RpcShapes.Find<List<Sum>>());
        Assert.NotNull(RpcShapes.Find<(int X, string? Y)>());
    }

    [Fact]
    public void Find_BuiltInType_NeedsNoAttribute()
    {
        Assert.NotNull(RpcShapes.Find<string>());
        Assert.NotNull(RpcShapes.Find<Guid?>());
        Assert.NotNull(RpcShapes.Find<byte[]>());
        Assert.NotNull(RpcShapes.Find<Dictionary<string, string>>());
    }

    [Fact]
    public void Find_TypeWithoutShape_GivesNull() => Assert.Null(RpcShapes.Find<RpcShapesTests>());

    [Fact]
    public void Find_FoundShape_SerializesWithoutReflection()
    {
        var serializer = new Nerdbank.MessagePack.MessagePackSerializer();
        var bytes = serializer.Serialize(new List<Sum> { new(1, "a") }, RpcShapes.Find<List<Sum>>()!);
        Assert.Equal([new Sum(1, "a")], serializer.Deserialize(bytes, RpcShapes.Find<List<Sum>>()!)!);
        var number = serializer.Serialize(1.5m, RpcShapes.Find<decimal>()!);
        Assert.Equal(1.5m, serializer.Deserialize(number, RpcShapes.Find<decimal>()!));
    }
}

[GenerateShapeFor<List<Sum>>]
[GenerateShapeFor<(int, string)>]
[GenerateShapeFor<Dictionary<string, Sum>>]
[GenerateShapeFor<Tone>]
internal sealed partial class Witness;
