using System.Buffers;
using Nerdbank.MessagePack;

namespace RpcNet.Framing;

/// <summary>What a side tells the other with its first control frame. Unknown keys are ignored, missing ones are defaults.</summary>
internal readonly record struct PeerSettings(
    int MaxInlinePayloadBytes,
    int MaxMessageBytes,
    int MaxMetadataBytes,
    int MaxCallsPerConnection,
    int MaxLanes,
    int Decompresses = 0)
{
    public const int MaxBytes = 4096;

    public static PeerSettings Default { get; } = From(new RpcLimits());

    public static PeerSettings From(RpcLimits limits, RpcCompressionOptions? compression = null) => new(
        limits.InlinePayloadBytes,
        limits.MessageBytes,
        limits.MetadataBytes,
        limits.CallsPerConnection,
        limits.Lanes,
        compression is null ? 0 : PayloadCompression.Announce(compression));

    public void Write(IBufferWriter<byte> output)
    {
        var writer = new MessagePackWriter(output);
        writer.WriteMapHeader(Decompresses == 0 ? 5 : 6);
        Write(ref writer, SettingKey.MaxInlinePayloadBytes, MaxInlinePayloadBytes);
        Write(ref writer, SettingKey.MaxMessageBytes, MaxMessageBytes);
        Write(ref writer, SettingKey.MaxMetadataBytes, MaxMetadataBytes);
        Write(ref writer, SettingKey.MaxCallsPerConnection, MaxCallsPerConnection);
        Write(ref writer, SettingKey.MaxLanes, MaxLanes);
        if (Decompresses != 0)
        {
            Write(ref writer, SettingKey.Decompresses, Decompresses);
        }

        writer.Flush();
    }

    /// <exception cref="RpcProtocolException">The payload is no such map, or a value is out of range.</exception>
    public static PeerSettings Read(ReadOnlyMemory<byte> payload)
    {
        var settings = Default;
        try
        {
            var reader = new MessagePackReader(payload);
            var count = reader.ReadMapHeader();
            for (var i = 0; i < count; i++)
            {
                switch (reader.ReadInt32())
                {
                    case SettingKey.MaxInlinePayloadBytes:
                        settings = settings with { MaxInlinePayloadBytes = ReadLimit(ref reader, 0) };
                        break;
                    case SettingKey.MaxMessageBytes:
                        settings = settings with { MaxMessageBytes = ReadLimit(ref reader, 1) };
                        break;
                    case SettingKey.MaxMetadataBytes:
                        settings = settings with { MaxMetadataBytes = ReadLimit(ref reader, 0) };
                        break;
                    case SettingKey.MaxCallsPerConnection:
                        settings = settings with { MaxCallsPerConnection = ReadLimit(ref reader, 1) };
                        break;
                    case SettingKey.MaxLanes:
                        settings = settings with { MaxLanes = ReadLimit(ref reader, 1) };
                        break;
                    case SettingKey.Decompresses:
                        settings = settings with { Decompresses = ReadLimit(ref reader, 0) };
                        break;
                    default:
                        reader.Skip(new SerializationContext());
                        break;
                }
            }

            return reader.End ? settings : throw new RpcProtocolException("SETTINGS has bytes after its map.");
        }
        catch (Exception e) when (e is MessagePackSerializationException or EndOfStreamException or OverflowException)
        {
            throw new RpcProtocolException($"SETTINGS is malformed: {e.Message}");
        }
    }

    private static int ReadLimit(ref MessagePackReader reader, int minimum)
    {
        var value = reader.ReadInt32();
        return value >= minimum ? value : throw new RpcProtocolException($"A setting has the value {value}; the least is {minimum}.");
    }

    private static void Write(ref MessagePackWriter writer, int key, int value)
    {
        writer.Write(key);
        writer.Write(value);
    }
}
