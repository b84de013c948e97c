using System.Numerics;
using MessagePack;
using MessagePack.Formatters;

namespace RpcNet.Serialization;

/// <summary>Formatters of the types that the library would write in another way than codec 1 does.</summary>
internal sealed class WireResolver : IFormatterResolver
{
    public static WireResolver Instance { get; } = new();

    private WireResolver()
    {
    }

    public IMessagePackFormatter<T>? GetFormatter<T>() => Cache<T>.Formatter;

    private static object? Find(Type type) => type switch
    {
        _ when type == typeof(Guid) => WireGuidFormatter.Instance,
        _ when type == typeof(Guid?) => new StaticNullableFormatter<Guid>(WireGuidFormatter.Instance),
        _ when type == typeof(decimal) => WireDecimalFormatter.Instance,
        _ when type == typeof(decimal?) => new StaticNullableFormatter<decimal>(WireDecimalFormatter.Instance),
        _ when type == typeof(DateTimeOffset) => WireDateTimeOffsetFormatter.Instance,
        _ when type == typeof(DateTimeOffset?) => new StaticNullableFormatter<DateTimeOffset>(WireDateTimeOffsetFormatter.Instance),
        _ when type == typeof(BigInteger) => WireBigIntegerFormatter.Instance,
        _ when type == typeof(BigInteger?) => new StaticNullableFormatter<BigInteger>(WireBigIntegerFormatter.Instance),
        _ when type == typeof(Int128) => WireInt128Formatter.Instance,
        _ when type == typeof(Int128?) => new StaticNullableFormatter<Int128>(WireInt128Formatter.Instance),
        _ when type == typeof(UInt128) => WireUInt128Formatter.Instance,
        _ when type == typeof(UInt128?) => new StaticNullableFormatter<UInt128>(WireUInt128Formatter.Instance),
        _ => null,
    };

    private static class Cache<T>
    {
        public static readonly IMessagePackFormatter<T>? Formatter = (IMessagePackFormatter<T>?)Find(typeof(T));
    }
}
