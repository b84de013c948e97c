using PolyType;

namespace RpcNet.Serialization;

/// <summary>Shapes of the types that contracts use without declaring them.</summary>
[GenerateShapeFor<bool>]
[GenerateShapeFor<byte>]
[GenerateShapeFor<sbyte>]
[GenerateShapeFor<short>]
[GenerateShapeFor<ushort>]
[GenerateShapeFor<int>]
[GenerateShapeFor<uint>]
[GenerateShapeFor<long>]
[GenerateShapeFor<ulong>]
[GenerateShapeFor<float>]
[GenerateShapeFor<double>]
[GenerateShapeFor<decimal>]
[GenerateShapeFor<char>]
[GenerateShapeFor<string>]
[GenerateShapeFor<byte[]>]
[GenerateShapeFor<ReadOnlyMemory<byte>>]
[GenerateShapeFor<Memory<byte>>]
[GenerateShapeFor<DateTime>]
[GenerateShapeFor<DateTimeOffset>]
[GenerateShapeFor<DateOnly>]
[GenerateShapeFor<TimeOnly>]
[GenerateShapeFor<TimeSpan>]
[GenerateShapeFor<Guid>]
[GenerateShapeFor<Uri>]
[GenerateShapeFor<Version>]
[GenerateShapeFor<bool?>]
[GenerateShapeFor<int?>]
[GenerateShapeFor<long?>]
[GenerateShapeFor<double?>]
[GenerateShapeFor<Guid?>]
[GenerateShapeFor<DateTimeOffset?>]
[GenerateShapeFor<string[]>]
[GenerateShapeFor<int[]>]
[GenerateShapeFor<long[]>]
[GenerateShapeFor<double[]>]
[GenerateShapeFor<List<string>>]
[GenerateShapeFor<List<int>>]
[GenerateShapeFor<List<byte[]>>]
[GenerateShapeFor<Dictionary<string, string>>]
[GenerateShapeFor<Dictionary<string, int>>]
internal sealed partial class CommonShapes
{
    public static ITypeShapeProvider Provider => GeneratedTypeShapeProvider;
}
