using MessagePack;
using PolyType;
using NerdbankKey = Nerdbank.MessagePack.KeyAttribute;

namespace RpcNet.Serialization.Tests;

public enum Colour : byte
{
    Red,
    Green = 7,
    Blue = 200,
}

/// <summary>A record by its properties' names.</summary>
[GenerateShape]
[MessagePackObject(keyAsPropertyName: true)]
public partial record Named(
    string Text,
    int Number,
    string? Maybe,
    Colour Colour,
    Guid Id,
    DateTime At,
    DateTimeOffset Since,
    TimeSpan Took,
    DateOnly Day,
    TimeOnly Time,
    decimal Price,
    double? Rate,
    Guid? Parent,
    decimal? Discount,
    DateTimeOffset? Until);

/// <summary>A class by numbers, without gaps.</summary>
[GenerateShape]
[MessagePackObject]
public partial class Numbered
{
    [Key(0)]
    [NerdbankKey(0)]
    public int A { get; set; }

    [Key(1)]
    [NerdbankKey(1)]
    public string? B { get; set; }

    [Key(2)]
    [NerdbankKey(2)]
    public Named? C { get; set; }
}

/// <summary>Numbers with gaps.</summary>
[GenerateShape]
[MessagePackObject]
public partial class Gaps
{
    [Key(0)]
    [NerdbankKey(0)]
    public int A { get; set; }

    [Key(5)]
    [NerdbankKey(5)]
    public string? B { get; set; }
}

/// <summary>The same as an earlier version had it.</summary>
[GenerateShape]
[MessagePackObject]
public partial class FewerGaps
{
    [Key(0)]
    [NerdbankKey(0)]
    public int A { get; set; }
}

[GenerateShape]
[MessagePackObject(keyAsPropertyName: true)]
public partial class Collections
{
    public int[] Numbers { get; set; } = [];

    public List<Guid> Ids { get; set; } = [];

    public string?[] Texts { get; set; } = [];

    public Dictionary<string, Named> ByName { get; set; } = [];

    public Dictionary<Guid, decimal> Prices { get; set; } = [];

    public HashSet<int> Set { get; set; } = [];

    public byte[] Bytes { get; set; } = [];

    public decimal[] Decimals { get; set; } = [];

    public List<DateTimeOffset> Times { get; set; } = [];

    public (int, string) Pair { get; set; }
}

/// <summary>The plain values, in every width.</summary>
[GenerateShape]
[MessagePackObject(keyAsPropertyName: true)]
public partial record Values(
    bool Bool,
    byte Byte,
    sbyte SByte,
    short Short,
    ushort UShort,
    int Int,
    uint UInt,
    long Long,
    ulong ULong,
    float Float,
    double Double,
    char Char,
    Half Half,
    Int128 Int128,
    UInt128 UInt128,
    System.Numerics.BigInteger Big,
    System.Text.Rune Rune,
    Uri Uri,
    Version Version);

[GenerateShape]
[MessagePackObject]
[Union(1, typeof(Circle))]
[Union(2, typeof(Square))]
[DerivedTypeShape(typeof(Circle), Tag = 1)]
[DerivedTypeShape(typeof(Square), Tag = 2)]
public abstract partial class Figure
{
    [Key(0)]
    [NerdbankKey(0)]
    public string? Name { get; set; }
}

[GenerateShape]
[MessagePackObject]
public partial class Circle : Figure
{
    [Key(1)]
    [NerdbankKey(1)]
    public double Radius { get; set; }
}

[GenerateShape]
[MessagePackObject]
public partial class Square : Figure
{
    [Key(1)]
    [NerdbankKey(1)]
    public double Side { get; set; }
}

[GenerateShape]
[MessagePackObject]
public partial class Nested
{
    [Key(0)]
    [NerdbankKey(0)]
    public Nested? Inner { get; set; }
}

[GenerateShape]
[MessagePackObject(keyAsPropertyName: true)]
public partial record Borrowed(ReadOnlyMemory<byte> Memory);

[GenerateShapeFor<Dictionary<int, int>>]
[GenerateShapeFor<Dictionary<long, int>>]
[GenerateShapeFor<Dictionary<Guid, int>>]
[GenerateShapeFor<HashSet<int>>]
[GenerateShapeFor<HashSet<string>>]
[GenerateShapeFor<Dictionary<string, int>>]
[GenerateShapeFor<int[,]>]
[GenerateShapeFor<KeyValuePair<int, string>>]
internal sealed partial class Witness;
