using System.Buffers;
using Nerdbank.MessagePack;

namespace RpcNet.Framing;

/// <summary>The optional part of a frame: an int-keyed MessagePack map. Unknown keys are skipped.</summary>
internal struct FrameExtension
{
    public long? TimeoutMicroseconds;
    public string? TraceParent;
    public string? TraceState;
    public RpcMetadata? Metadata;
    public RpcMetadata? Trailers;
    public string? Message;
    public ReadOnlyMemory<byte> Details;
    public byte? Codec;
    public string? Method;

    /// <summary>Longer timeouts mean none in practice; the bound keeps clock arithmetic from overflowing.</summary>
    private const long MaxTimeoutMicroseconds = 100L * 365 * 24 * 3600 * 1_000_000;

    public readonly bool IsEmpty => Count == 0;

    private readonly int Count =>
        (TimeoutMicroseconds is null ? 0 : 1)
        + (TraceParent is null ? 0 : 1)
        + (TraceState is null ? 0 : 1)
        + (Metadata is { Count: > 0 } ? 1 : 0)
        + (Trailers is { Count: > 0 } ? 1 : 0)
        + (Message is null ? 0 : 1)
        + (Details.IsEmpty ? 0 : 1)
        + (Codec is null ? 0 : 1)
        + (Method is null ? 0 : 1);

    public readonly void Write(IBufferWriter<byte> output)
    {
        var writer = new MessagePackWriter(output);
        writer.WriteMapHeader(Count);
        if (TimeoutMicroseconds is { } timeout)
        {
            writer.Write(ExtensionKey.TimeoutMicroseconds);
            writer.Write(timeout);
        }

        WriteText(ref writer, ExtensionKey.TraceParent, TraceParent);
        WriteText(ref writer, ExtensionKey.TraceState, TraceState);
        WriteMetadata(ref writer, ExtensionKey.Metadata, Metadata);
        WriteMetadata(ref writer, ExtensionKey.Trailers, Trailers);
        WriteText(ref writer, ExtensionKey.Message, Message);
        if (!Details.IsEmpty)
        {
            writer.Write(ExtensionKey.Details);
            writer.Write(Details.Span);
        }

        if (Codec is { } codec)
        {
            writer.Write(ExtensionKey.Codec);
            writer.Write(codec);
        }

        WriteText(ref writer, ExtensionKey.Method, Method);
        writer.Flush();
    }

    /// <exception cref="RpcProtocolException">The bytes are no such map.</exception>
    public static FrameExtension Read(ReadOnlyMemory<byte> bytes)
    {
        var result = default(FrameExtension);
        if (bytes.IsEmpty)
        {
            return result;
        }

        try
        {
            var reader = new MessagePackReader(bytes);
            var count = reader.ReadMapHeader();
            for (var i = 0; i < count; i++)
            {
                ReadEntry(ref reader, ref result);
            }

            return reader.End ? result : throw new RpcProtocolException("A frame's extension has bytes after its map.");
        }
        catch (Exception e) when (e is MessagePackSerializationException or EndOfStreamException or ArgumentException or OverflowException)
        {
            throw new RpcProtocolException($"A frame's extension is malformed: {e.Message}");
        }
    }

    private static void ReadEntry(ref MessagePackReader reader, ref FrameExtension result)
    {
        switch (reader.ReadInt32())
        {
            case ExtensionKey.TimeoutMicroseconds:
                result.TimeoutMicroseconds = Math.Clamp(reader.ReadInt64(), 0, MaxTimeoutMicroseconds);
                break;
            case ExtensionKey.TraceParent:
                result.TraceParent = reader.ReadString();
                break;
            case ExtensionKey.TraceState:
                result.TraceState = reader.ReadString();
                break;
            case ExtensionKey.Metadata:
                result.Metadata = ReadMetadata(ref reader);
                break;
            case ExtensionKey.Trailers:
                result.Trailers = ReadMetadata(ref reader);
                break;
            case ExtensionKey.Message:
                result.Message = reader.ReadString();
                break;
            case ExtensionKey.Details:
                result.Details = reader.ReadBytes()?.ToArray();
                break;
            case ExtensionKey.Codec:
                result.Codec = reader.ReadByte();
                break;
            case ExtensionKey.Method:
                result.Method = reader.ReadString();
                break;
            default:
                reader.Skip(new SerializationContext());
                break;
        }
    }

    private static void WriteText(ref MessagePackWriter writer, int key, string? value)
    {
        if (value is not null)
        {
            writer.Write(key);
            writer.Write(value);
        }
    }

    private static void WriteMetadata(ref MessagePackWriter writer, int key, RpcMetadata? metadata)
    {
        if (metadata is not { Count: > 0 })
        {
            return;
        }

        writer.Write(key);
        writer.WriteArrayHeader(metadata.Count * 2);
        foreach (var (name, value) in metadata)
        {
            writer.Write(name);
            if (value.Text is { } text)
            {
                writer.Write(text);
            }
            else
            {
                writer.Write(value.Bytes.Span);
            }
        }
    }

    private static RpcMetadata ReadMetadata(ref MessagePackReader reader)
    {
        var count = reader.ReadArrayHeader();
        if (count % 2 != 0)
        {
            throw new RpcProtocolException("Metadata is a list of keys and values; its length is odd.");
        }

        var metadata = new RpcMetadata();
        for (var i = 0; i < count; i += 2)
        {
            var key = reader.ReadString() ?? throw new RpcProtocolException("A metadata key is nil.");
            if (reader.NextMessagePackType == MessagePackType.Binary)
            {
                metadata.Add(key, reader.ReadBytes()!.Value.ToArray());
            }
            else
            {
                metadata.Add(key, reader.ReadString() ?? throw new RpcProtocolException("A metadata value is nil."));
            }
        }

        return metadata;
    }
}
