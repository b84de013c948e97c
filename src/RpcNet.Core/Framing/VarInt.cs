using System.Buffers.Binary;

namespace RpcNet.Framing;

/// <summary>QUIC's variable-length integer (RFC 9000 section 16).</summary>
internal static class VarInt
{
    public const int MaxLength = 8;

    public static int Write(Span<byte> destination, long value)
    {
        switch (value)
        {
            case < 0:
                throw new ArgumentOutOfRangeException(nameof(value));
            case < 1 << 6:
                destination[0] = (byte)value;
                return 1;
            case < 1 << 14:
                BinaryPrimitives.WriteUInt16BigEndian(destination, (ushort)(value | 0x4000));
                return 2;
            case < 1 << 30:
                BinaryPrimitives.WriteUInt32BigEndian(destination, (uint)value | 0x8000_0000);
                return 4;
            case < 1L << 62:
                BinaryPrimitives.WriteUInt64BigEndian(destination, (ulong)value | 0xC000_0000_0000_0000);
                return 8;
            default:
                throw new ArgumentOutOfRangeException(nameof(value));
        }
    }

    /// <summary>Reads a value; 0 consumed means that more bytes are needed.</summary>
    public static int TryRead(ReadOnlySpan<byte> source, out long value)
    {
        value = 0;
        if (source.IsEmpty)
        {
            return 0;
        }

        var length = 1 << (source[0] >> 6);
        if (source.Length < length)
        {
            return 0;
        }

        value = source[0] & 0x3F;
        for (var i = 1; i < length; i++)
        {
            value = (value << 8) | source[i];
        }

        return length;
    }
}
