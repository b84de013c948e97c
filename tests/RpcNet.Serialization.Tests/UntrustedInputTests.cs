using System.Buffers;
using MessagePack;

namespace RpcNet.Serialization.Tests;

/// <summary>What both codecs do with input that means harm.</summary>
public sealed class UntrustedInputTests
{
    public static TheoryData<string> Codecs => ["msgpack", "msgpack-csharp"];

    /// <summary>
    /// Keys that all fall into one bucket of a dictionary with .NET's own hash codes: numbers are their own hash code, longs and
    /// Guids fold their halves by exclusive or.
    /// </summary>
    [Theory]
    [MemberData(nameof(Codecs))]
    public void Map_WithKeysChosenToCollide_IsSpread(string codec)
    {
        const int Count = 2000;
        const int Buckets = 4049;
        AssertSpread(Decode<Dictionary<int, int>, int>(codec, Count, i => i * Buckets, pairs => pairs), static d => d.Comparer);
        AssertSpread(Decode<Dictionary<long, int>, long>(codec, Count, i => ((long)i << 32) | (uint)i, pairs => pairs), static d => d.Comparer);
        AssertSpread(Decode<Dictionary<Guid, int>, Guid>(codec, Count, i => new Guid(i, 0, 0, 0, 0, 0, 0, (byte)(i >> 24), (byte)(i >> 16), (byte)(i >> 8), (byte)i), pairs => pairs), static d => d.Comparer);
        AssertSpread(Decode<HashSet<int>, int>(codec, Count, i => i * Buckets, pairs => [.. pairs.Keys]), static s => s.Comparer);

        void AssertSpread<TCollection, TKey>((TCollection Collection, IReadOnlyList<TKey> Keys) decoded, Func<TCollection, IEqualityComparer<TKey>> comparerOf)
            where TKey : notnull
        {
            var comparer = comparerOf(decoded.Collection);
            var fullest = decoded.Keys.GroupBy(k => (uint)comparer.GetHashCode(k) % Buckets).Max(static g => g.Count());
            Assert.Equal(Count, decoded.Keys.Count);
            Assert.InRange(fullest, 1, 50);
        }
    }

    /// <summary>Strings: .NET turns to a keyed hash by itself when too many collide, which its own comparer alone does.</summary>
    [Theory]
    [MemberData(nameof(Codecs))]
    public void Map_WithStringKeys_HasAComparerThatResistsCollisions(string codec)
    {
        var (map, _) = Decode<Dictionary<string, int>, string>(codec, 10, static i => $"{i}", static pairs => pairs);
        Assert.True(map.Comparer.GetType() == EqualityComparer<string>.Default.GetType() || map.Comparer.GetHashCode("a") != "a".GetHashCode(), $"{map.Comparer}");
        var (set, _) = Decode<HashSet<string>, string>(codec, 10, static i => $"{i}", static pairs => [.. pairs.Keys]);
        Assert.True(set.Comparer.GetType() == EqualityComparer<string>.Default.GetType() || set.Comparer.GetHashCode("a") != "a".GetHashCode(), $"{set.Comparer}");
    }

    [Theory]
    [InlineData("msgpack", 60, true)]
    [InlineData("msgpack", 100, false)]
    [InlineData("msgpack", 3_000_000, false)]
    [InlineData("msgpack-csharp", 60, true)]
    [InlineData("msgpack-csharp", 100, false)]
    [InlineData("msgpack-csharp", 3_000_000, false)]
    public void Nesting_BeyondTheLimit_IsRefused(string codec, int depth, bool allowed)
    {
        ReadOnlyMemory<byte> payload = (byte[])[.. Enumerable.Repeat((byte)0x91, depth), 0xC0];
        if (allowed)
        {
            Assert.NotNull(Of(codec).Deserialize<Nested>(ref payload));
        }
        else
        {
            Assert.Throws<RpcSerializationException>(() => Of(codec).Deserialize<Nested>(ref payload));
        }
    }

    /// <summary>A length is no promise: nothing is reserved for elements that are not there.</summary>
    [Theory]
    [InlineData("msgpack", new byte[] { 0xDD, 0x7F, 255, 255, 255, 1 })]
    [InlineData("msgpack-csharp", new byte[] { 0xDD, 0x7F, 255, 255, 255, 1 })]
    [InlineData("msgpack", new byte[] { 0xC6, 0x7F, 255, 255, 255, 1 })]
    [InlineData("msgpack-csharp", new byte[] { 0xC6, 0x7F, 255, 255, 255, 1 })]
    public void Length_BeyondThePayload_ReservesNothing(string codec, byte[] bytes)
    {
        var serializer = Of(codec);
        Refuse<int[]>();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Refuse<int[]>();
        Refuse<byte[]>();
        Refuse<string>();
        Refuse<List<string>>();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);

        void Refuse<T>() => Assert.Throws<RpcSerializationException>(() =>
        {
            ReadOnlyMemory<byte> payload = bytes;
            serializer.Deserialize<T>(ref payload);
        });
    }

    [Theory]
    [MemberData(nameof(Codecs))]
    public void Memory_InAMessage_DoesNotAliasTheInput(string codec)
    {
        var buffer = new ArrayBufferWriter<byte>();
        Of(codec).Serialize(buffer, new Borrowed(new byte[] { 1, 2, 3 }));
        var bytes = buffer.WrittenSpan.ToArray();
        ReadOnlyMemory<byte> payload = bytes;
        var value = Of(codec).Deserialize<Borrowed>(ref payload);
        Array.Clear(bytes);
        Assert.Equal([1, 2, 3], value.Memory.ToArray());
    }

    /// <summary>Whatever the input, it is a value or an <see cref="RpcSerializationException"/>.</summary>
    [Theory]
    [MemberData(nameof(Codecs))]
    public void Message_Mutated_IsReadOrRefused(string codec)
    {
        var rounds = Environment.GetEnvironmentVariable("RPCNET_TESTS") == "all" ? 1_000_000 : 20_000;
        var random = new Random(31);
        var serializer = Of(codec);
        var buffer = new ArrayBufferWriter<byte>();
        serializer.Serialize(buffer, new Collections { Numbers = [1, 2], Ids = [Guid.Empty], Texts = ["a", null], Prices = { [Guid.Empty] = 1m }, Pair = (1, "x") });
        var original = buffer.WrittenSpan.ToArray();
        var (read, refused) = (0, 0);
        for (var i = 0; i < rounds; i++)
        {
            var bytes = (byte[])original.Clone();
            for (var j = random.Next(1, 4); j > 0; j--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            ReadOnlyMemory<byte> payload = bytes.AsMemory(0, random.Next(8) == 0 ? random.Next(bytes.Length) : bytes.Length);
            try
            {
                serializer.Deserialize<Collections>(ref payload);
                read++;
            }
            catch (RpcSerializationException)
            {
                refused++;
            }
        }

        Assert.True(read > rounds / 20 && refused > rounds / 20, $"{read} read, {refused} refused");
    }

    [Fact]
    public void CompressedOrTypelessInput_IsRefused()
    {
        var serializer = Of("msgpack-csharp");
        var text = new string('x', 10_000);
        var compressed = MessagePackSerializer.Serialize(text, MessagePackSerializerOptions.Standard.WithCompression(MessagePackCompression.Lz4BlockArray));
        var typeless = MessagePackSerializer.Serialize<object>(new Numbered(), MessagePack.Resolvers.TypelessContractlessStandardResolver.Options);
        Assert.Throws<RpcSerializationException>(() => Read<string>(compressed));
        Assert.Throws<RpcSerializationException>(() => Read<object>(typeless));
        Assert.Throws<RpcSerializationException>(() => Read<Unannotated>([0x81, 0xA1, (byte)'A', 1]));

        void Read<T>(byte[] bytes)
        {
            ReadOnlyMemory<byte> payload = bytes;
            serializer.Deserialize<T>(ref payload);
        }
    }

    private static (TCollection Collection, IReadOnlyList<TKey> Keys) Decode<TCollection, TKey>(
        string codec, int count, Func<int, TKey> key, Func<Dictionary<TKey, int>, TCollection> make)
        where TKey : notnull
    {
        var serializer = Of(codec);
        var keys = Enumerable.Range(1, count).Select(key).ToList();
        var buffer = new ArrayBufferWriter<byte>();
        serializer.Serialize(buffer, make(keys.ToDictionary(static k => k, static _ => 1)));
        ReadOnlyMemory<byte> payload = buffer.WrittenMemory;
        return (serializer.Deserialize<TCollection>(ref payload), keys);
    }

    private static IRpcSerializer Of(string codec) => codec == "msgpack"
        ? MessagePackRpcSerializer.Default
        : MessagePackCSharpRpcSerializer.WithRuntimeFormatters();

    public sealed class Unannotated
    {
        public int A { get; set; }
    }
}
