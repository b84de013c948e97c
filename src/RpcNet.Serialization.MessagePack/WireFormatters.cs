using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using MessagePack;
using MessagePack.Formatters;

namespace RpcNet.Serialization;

/// <summary>MessagePack's extension types that codec 1 uses (docs/wire-protocol.md, section 6).</summary>
internal static class WireExtensions
{
    public const sbyte Guid = 2;
    public const sbyte BigInteger = 3;
    public const sbyte Decimal = 4;
    public const sbyte Int128 = 5;
    public const sbyte UInt128 = 6;

    public static void Write(ref MessagePackWriter writer, sbyte type, scoped ReadOnlySpan<byte> bytes)
    {
        writer.WriteExtensionFormatHeader(new ExtensionHeader(type, bytes.Length));
        bytes.CopyTo(writer.GetSpan(bytes.Length));
        writer.Advance(bytes.Length);
    }

    /// <summary>Reads an extension of exactly this type and size into <paramref name="bytes"/>.</summary>
    public static void Read(ref MessagePackReader reader, sbyte type, scoped Span<byte> bytes)
    {
        var extension = reader.ReadExtensionFormat();
        if (extension.TypeCode != type || extension.Data.Length != bytes.Length)
        {
            throw new MessagePackSerializationException(
                $"Expected an extension of type {type} and {bytes.Length} bytes, not one of type {extension.TypeCode} and {extension.Data.Length} bytes.");
        }

        extension.Data.CopyTo(bytes);
    }

    /// <summary>Reads an integer of MessagePack's own; false where an extension follows.</summary>
    public static bool TryReadInteger(ref MessagePackReader reader, out Int128 value)
    {
        value = 0;
        if (reader.NextMessagePackType != MessagePackType.Integer)
        {
            return false;
        }

        value = reader.NextCode == MessagePackCode.UInt64 ? reader.ReadUInt64() : reader.ReadInt64();
        return true;
    }
}

internal sealed class WireGuidFormatter : IMessagePackFormatter<Guid>
{
    public static readonly WireGuidFormatter Instance = new();

    public void Serialize(ref MessagePackWriter writer, Guid value, MessagePackSerializerOptions options)
    {
        Span<byte> bytes = stackalloc byte[16];
        value.TryWriteBytes(bytes, bigEndian: true, out _);
        WireExtensions.Write(ref writer, WireExtensions.Guid, bytes);
    }

    public Guid Deserialize(ref MessagePackReader reader, MessagePackSerializerOptions options)
    {
        Span<byte> bytes = stackalloc byte[16];
        WireExtensions.Read(ref reader, WireExtensions.Guid, bytes);
        return new Guid(bytes, bigEndian: true);
    }
}

/// <summary>Little endian: sign and scale as decimal.GetBits gives them, then the high, low and middle 32 bits.</summary>
internal sealed class WireDecimalFormatter : IMessagePackFormatter<decimal>
{
    public static readonly WireDecimalFormatter Instance = new();

    public void Serialize(ref MessagePackWriter writer, decimal value, MessagePackSerializerOptions options)
    {
        Span<int> bits = stackalloc int[4];
        decimal.GetBits(value, bits);
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, bits[3]);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[4..], bits[2]);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[8..], bits[0]);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[12..], bits[1]);
        WireExtensions.Write(ref writer, WireExtensions.Decimal, bytes);
    }

    public decimal Deserialize(ref MessagePackReader reader, MessagePackSerializerOptions options)
    {
        Span<byte> bytes = stackalloc byte[16];
        WireExtensions.Read(ref reader, WireExtensions.Decimal, bytes);
        return new decimal(
        [
            BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes),
        ]);
    }
}

/// <summary>An array of the instant as MessagePack's timestamp and the offset in minutes.</summary>
internal sealed class WireDateTimeOffsetFormatter : IMessagePackFormatter<DateTimeOffset>
{
    public static readonly WireDateTimeOffsetFormatter Instance = new();

    public void Serialize(ref MessagePackWriter writer, DateTimeOffset value, MessagePackSerializerOptions options)
    {
        writer.WriteArrayHeader(2);
        writer.Write(value.UtcDateTime);
        writer.Write((short)value.TotalOffsetMinutes);
    }

    public DateTimeOffset Deserialize(ref MessagePackReader reader, MessagePackSerializerOptions options)
    {
        var count = reader.ReadArrayHeader();
        if (count != 2)
        {
            throw new MessagePackSerializationException($"A DateTimeOffset is an array of 2, not of {count}.");
        }

        var instant = reader.ReadDateTime();
        return new DateTimeOffset(instant).ToOffset(TimeSpan.FromMinutes(reader.ReadInt16()));
    }
}

/// <summary>An integer of MessagePack where it fits, else an extension with the two's complement, big endian.</summary>
internal sealed class WireBigIntegerFormatter : IMessagePackFormatter<BigInteger>
{
    public static readonly WireBigIntegerFormatter Instance = new();

    public void Serialize(ref MessagePackWriter writer, BigInteger value, MessagePackSerializerOptions options)
    {
        if (value >= long.MinValue && value <= ulong.MaxValue)
        {
            WireInt128Formatter.Instance.Serialize(ref writer, (Int128)value, options);
        }
        else
        {
            WireExtensions.Write(ref writer, WireExtensions.BigInteger, value.ToByteArray(isUnsigned: false, isBigEndian: true));
        }
    }

    public BigInteger Deserialize(ref MessagePackReader reader, MessagePackSerializerOptions options)
    {
        if (WireExtensions.TryReadInteger(ref reader, out var integer))
        {
            return integer;
        }

        var extension = reader.ReadExtensionFormat();
        return extension.TypeCode == WireExtensions.BigInteger
            ? new BigInteger(extension.Data.ToArray(), isUnsigned: false, isBigEndian: true)
            : throw new MessagePackSerializationException($"A BigInteger is an extension of type {WireExtensions.BigInteger}, not {extension.TypeCode}.");
    }
}

/// <summary>An integer of MessagePack where it fits, else an extension of 16 bytes, big endian.</summary>
internal sealed class WireInt128Formatter : IMessagePackFormatter<Int128>
{
    public static readonly WireInt128Formatter Instance = new();

    public void Serialize(ref MessagePackWriter writer, Int128 value, MessagePackSerializerOptions options)
    {
        if (value >= 0 && value <= ulong.MaxValue)
        {
            writer.Write((ulong)value);
        }
        else if (value >= long.MinValue && value < 0)
        {
            writer.Write((long)value);
        }
        else
        {
            Span<byte> bytes = stackalloc byte[16];
            BinaryPrimitives.WriteInt128BigEndian(bytes, value);
            WireExtensions.Write(ref writer, WireExtensions.Int128, bytes);
        }
    }

    public Int128 Deserialize(ref MessagePackReader reader, MessagePackSerializerOptions options)
    {
        if (WireExtensions.TryReadInteger(ref reader, out var integer))
        {
            return integer;
        }

        Span<byte> bytes = stackalloc byte[16];
        WireExtensions.Read(ref reader, WireExtensions.Int128, bytes);
        return BinaryPrimitives.ReadInt128BigEndian(bytes);
    }
}

/// <summary>An integer of MessagePack where it fits, else an extension of 16 bytes, big endian.</summary>
internal sealed class WireUInt128Formatter : IMessagePackFormatter<UInt128>
{
    public static readonly WireUInt128Formatter Instance = new();

    public void Serialize(ref MessagePackWriter writer, UInt128 value, MessagePackSerializerOptions options)
    {
        if (value <= ulong.MaxValue)
        {
            writer.Write((ulong)value);
        }
        else
        {
            Span<byte> bytes = stackalloc byte[16];
            BinaryPrimitives.WriteUInt128BigEndian(bytes, value);
            WireExtensions.Write(ref writer, WireExtensions.UInt128, bytes);
        }
    }

    public UInt128 Deserialize(ref MessagePackReader reader, MessagePackSerializerOptions options)
    {
        if (reader.NextMessagePackType == MessagePackType.Integer)
        {
            return reader.ReadUInt64();
        }

        Span<byte> bytes = stackalloc byte[16];
        WireExtensions.Read(ref reader, WireExtensions.UInt128, bytes);
        return BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }
}
