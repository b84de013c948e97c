using System.Buffers.Binary;

namespace RpcNet.Framing;

/// <summary>What a frame is. Unknown types are skipped by their length.</summary>
internal enum FrameType : byte
{
    /// <summary>Nothing: a frame withdrawn before it was sent.</summary>
    Padding = 0,
    DefineMethod = 1,
    Request = 2,
    Response = 3,
    Fault = 4,
    Cancel = 5,
    ResponseOnStream = 6,
    Item = 7,
    End = 8,
    Headers = 9,
    Settings = 0x20,
    GoAway = 0x21,
}

/// <summary>Bits of a frame; unknown ones are ignored.</summary>
[Flags]
internal enum FrameFlags : byte
{
    None = 0,

    /// <summary>REQUEST on a call stream: no ITEM or END follows.</summary>
    EndOfInput = 1,

    /// <summary>FAULT: the handler did not start, so even a call that is not idempotent may be sent again.</summary>
    NotExecuted = 2,

    /// <summary>REQUEST, RESPONSE, ITEM: the payload is compressed.</summary>
    Compressed = 4,
}

/// <summary>The header of every frame: 16 bytes, little endian.</summary>
/// <param name="Length">Bytes after the length field itself: 12 + extension + payload.</param>
/// <param name="Type">The frame's type.</param>
/// <param name="Flags">The frame's flags.</param>
/// <param name="ExtensionLength">Bytes of the extension, which precedes the payload.</param>
/// <param name="CallId">The call; 0 on call streams and the control stream.</param>
/// <param name="Argument">Method id, status or reason, depending on the type.</param>
internal readonly record struct FrameHeader(
    uint Length,
    FrameType Type,
    FrameFlags Flags,
    ushort ExtensionLength,
    uint CallId,
    uint Argument)
{
    public const int Size = 16;
    public const int LengthFieldSize = 4;
    public const int FixedLength = Size - LengthFieldSize;

    public long PayloadLength => (long)Length - FixedLength - ExtensionLength;

    public static FrameHeader Create(
        FrameType type, FrameFlags flags, int extensionLength, int payloadLength, uint callId, uint argument) =>
        new((uint)(FixedLength + extensionLength + payloadLength), type, flags, (ushort)extensionLength, callId, argument);

    public static FrameHeader Read(ReadOnlySpan<byte> source) => new(
        BinaryPrimitives.ReadUInt32LittleEndian(source),
        (FrameType)source[4],
        (FrameFlags)source[5],
        BinaryPrimitives.ReadUInt16LittleEndian(source[6..]),
        BinaryPrimitives.ReadUInt32LittleEndian(source[8..]),
        BinaryPrimitives.ReadUInt32LittleEndian(source[12..]));

    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(destination, Length);
        destination[4] = (byte)Type;
        destination[5] = (byte)Flags;
        BinaryPrimitives.WriteUInt16LittleEndian(destination[6..], ExtensionLength);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[8..], CallId);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[12..], Argument);
    }
}
