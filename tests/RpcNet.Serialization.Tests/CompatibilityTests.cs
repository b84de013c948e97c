using System.Buffers;
using System.Numerics;
using System.Text;
using System.Text.Json;

namespace RpcNet.Serialization.Tests;

/// <summary>Both codecs have the number 1: what one writes, the other reads, and mostly to the byte.</summary>
public sealed class CompatibilityTests
{
    private static readonly IRpcSerializer Nerdbank = MessagePackRpcSerializer.Default;
    private static readonly IRpcSerializer CSharp = MessagePackCSharpRpcSerializer.WithRuntimeFormatters();

    private static readonly Guid Id = Guid.Parse("00112233-4455-6677-8899-aabbccddeeff");

    private static Named Full => new(
        "grüß dich", -70_000, null, Colour.Blue, Id, new DateTime(2026, 1, 2, 3, 4, 5, 678, DateTimeKind.Utc),
        new DateTimeOffset(1969, 12, 31, 23, 0, 0, TimeSpan.FromMinutes(-90)), TimeSpan.FromMilliseconds(-1.5), new DateOnly(2026, 2, 28),
        new TimeOnly(23, 59, 59, 999), -12345678901234567890.123m, 1.5, null, 0.10m, DateTimeOffset.MaxValue);

    private static Named Empty => new(
        "", 0, "", Colour.Red, Guid.Empty, DateTime.UnixEpoch, DateTimeOffset.UnixEpoch, default, default, default, 0m, null, Id, null, null);

    private static Values Least => new(
        false, 0, sbyte.MinValue, short.MinValue, 0, int.MinValue, 0, long.MinValue, 0, float.MinValue, double.NegativeInfinity, '\0', Half.MinValue,
        Int128.MinValue, 0, -BigInteger.Pow(2, 200), new Rune('a'), new Uri("https://a/b?c=d"), new Version(1, 2));

    private static Values Most => new(
        true, byte.MaxValue, sbyte.MaxValue, short.MaxValue, ushort.MaxValue, int.MaxValue, uint.MaxValue, long.MaxValue, ulong.MaxValue,
        float.MaxValue, double.Epsilon, 'ÿ', Half.Epsilon, Int128.MaxValue, UInt128.MaxValue, BigInteger.Pow(2, 200), new Rune(0x1F600),
        new Uri("urn:x"), new Version(1, 2, 3, 4));

    private static Values Middle => Least with
    {
        Int128 = long.MinValue, UInt128 = ulong.MaxValue, Big = ulong.MaxValue, SByte = -1, Short = -33, Int = 128, Long = -129, ULong = 256,
    };

    /// <summary>What both write in the same bytes.</summary>
    public static TheoryData<string, Action> SameBytes => new()
    {
        { "record by names", () => AssertSame(Full) },
        { "record by names, empty", () => AssertSame(Empty) },
        { "class by numbers", () => AssertSame(new Numbered { A = 1, B = "b", C = Full }) },
        { "class by numbers, defaults", () => AssertSame(new Numbered()) },
        { "null", () => AssertSame<Numbered?>(null) },
        { "numbers with gaps", () => AssertSame(new Gaps { A = 1, B = "x" }) },
        { "values, least", () => AssertSame(Least) },
        { "values, most", () => AssertSame(Most) },
        { "values, between", () => AssertSame(Middle) },
        { "collections", () => AssertSame(new Collections
            {
                Numbers = [1, -1, 1000], Ids = [Id, Guid.Empty], Texts = ["a", null, ""], ByName = { ["x"] = Full, ["y"] = Empty },
                Prices = { [Id] = 1.10m }, Set = [3, 1], Bytes = [1, 2, 255], Decimals = [1m, decimal.MinValue], Times = [DateTimeOffset.MinValue],
                Pair = (4, "four"),
            })
        },
        { "collections, empty", () => AssertSame(new Collections { Pair = (0, "") }) },
        { "derived types by their tags", () => AssertSame<Figure>(new Circle { Name = "c", Radius = 2 }) },
        { "another derived type", () => AssertSame<Figure>(new Square { Side = 3 }) },
        { "a string", () => AssertSame("text") },
        { "a long string", () => AssertSame(new string('x', 70_000)) },
        { "null string", () => AssertSame<string?>(null) },
        { "a number", () => AssertSame(70_000) },
        { "nullable", () => AssertSame<int?>(null) },
        { "a guid", () => AssertSame(Id) },
        { "a decimal", () => AssertSame(decimal.MaxValue) },
        { "a big integer", () => AssertSame(BigInteger.Pow(-3, 99)) },
        { "128 bits", () => AssertSame(Int128.MinValue) },
        { "bytes", () => AssertSame(new byte[] { 1, 2, 3 }) },
        { "map", () => AssertSame(new Dictionary<string, string> { ["a"] = "b" }) },
        { "array of 100,000", () => AssertSame(Enumerable.Range(0, 100_000).ToArray()) },
        { "list of guids", () => AssertSame(new List<Guid> { Id }) },
        { "date and time", () => AssertSame(new DateTime(2500, 1, 1, 0, 0, 0, DateTimeKind.Utc)) },
    };

    [Theory]
    [MemberData(nameof(SameBytes), DisableDiscoveryEnumeration = true)]
    public void Value_WrittenByEither_HasTheSameBytesAndIsReadByTheOther(string what, Action check)
    {
        Assert.NotEmpty(what);
        check();
    }

    /// <summary>Fields that a reader does not know, and those that it misses.</summary>
    [Fact]
    public void Versions_WrittenByEither_AreReadByTheOther()
    {
        var newer = new Gaps { A = 5, B = "b" };
        foreach (var (writer, reader) in new[] { (Nerdbank, CSharp), (CSharp, Nerdbank) })
        {
            Assert.Equal(5, Read<FewerGaps>(reader, Write(writer, newer)).A);
            var completed = Read<Gaps>(reader, Write(writer, new FewerGaps { A = 6 }));
            Assert.Equal((6, null), (completed.A, completed.B));
        }
    }

    [Fact]
    public void Arguments_WrittenByEither_AreReadByTheOther()
    {
        foreach (var (writer, reader) in new[] { (Nerdbank, CSharp), (CSharp, Nerdbank) })
        {
            var buffer = new ArrayBufferWriter<byte>();
            writer.WriteArgumentCount(buffer, 3);
            writer.Serialize(buffer, 1);
            writer.Serialize(buffer, "two");
            writer.Serialize(buffer, Full);
            ReadOnlyMemory<byte> rest = buffer.WrittenMemory.ToArray();
            Assert.Equal(3, reader.ReadArgumentCount(ref rest));
            Assert.Equal(1, reader.Deserialize<int>(ref rest));
            Assert.Equal("two", reader.Deserialize<string>(ref rest));
            Assert.Equal(Full, reader.Deserialize<Named>(ref rest));
            Assert.True(rest.IsEmpty);
        }
    }

    /// <summary>The differences that docs/serialization.md names; when one of these fails, the text is out of date.</summary>
    [Fact]
    public void Differences_AreThoseThatAreDocumented()
    {
        Assert.NotEqual(Write(Nerdbank, new int[,] { { 1, 2 }, { 3, 4 } }), Write(CSharp, new int[,] { { 1, 2 }, { 3, 4 } }));
        Assert.NotEqual(Write(Nerdbank, KeyValuePair.Create(1, "a")), Write(CSharp, KeyValuePair.Create(1, "a")));
        var unspecified = new DateTime(2026, 1, 2);
        Assert.Throws<RpcSerializationException>(() => Write(Nerdbank, unspecified));
        Assert.Equal(Write(CSharp, DateTime.SpecifyKind(unspecified, DateTimeKind.Utc)), Write(CSharp, unspecified));
    }

    private static void AssertSame<T>(T value)
    {
        var (ofNerdbank, ofCSharp) = (Write(Nerdbank, value), Write(CSharp, value));
        Assert.Equal(Convert.ToHexString(ofNerdbank), Convert.ToHexString(ofCSharp));
        Assert.Equal(Text(value), Text(Read<T>(Nerdbank, ofCSharp)));
        Assert.Equal(Text(value), Text(Read<T>(CSharp, ofNerdbank)));
    }

    /// <summary>Values as text, since classes and collections have no equality of their own.</summary>
    private static string Text<T>(T value) => value switch
    {
        null => "null",
        Figure figure => JsonSerializer.Serialize<object>(figure),
        Values or BigInteger or Int128 => value.ToString()!,
        Collections c => JsonSerializer.Serialize(c) + c.Pair,
        _ => JsonSerializer.Serialize(value),
    };

    private static byte[] Write<T>(IRpcSerializer serializer, T value)
    {
        var buffer = new ArrayBufferWriter<byte>();
        serializer.Serialize(buffer, value);
        return buffer.WrittenSpan.ToArray();
    }

    private static T Read<T>(IRpcSerializer serializer, byte[] bytes)
    {
        ReadOnlyMemory<byte> rest = bytes;
        var value = serializer.Deserialize<T>(ref rest);
        Assert.True(rest.IsEmpty);
        return value;
    }
}
