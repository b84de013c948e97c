using System.Buffers;
using Nerdbank.MessagePack;
using PolyType;
using PolyType.Abstractions;

namespace RpcNet.Serialization;

/// <summary>MessagePack by Nerdbank.MessagePack: trim- and AOT-safe, depth-limited, resistant to hash flooding.</summary>
public sealed class MessagePackRpcSerializer : IRpcSerializer
{
    private readonly MessagePackSerializer _serializer;

    /// <summary>Creates a codec over a configured serializer, for custom converters and the like.</summary>
    public MessagePackRpcSerializer(MessagePackSerializer serializer)
    {
        ArgumentNullException.ThrowIfNull(serializer);
        _serializer = serializer;
    }

    /// <summary>The codec with the library's defaults.</summary>
    public static MessagePackRpcSerializer Default { get; } = new(new MessagePackSerializer());

    /// <inheritdoc/>
    public byte CodecId => 1;

    /// <inheritdoc/>
    public string Name => "msgpack";

    /// <inheritdoc/>
    public void Serialize<T>(IBufferWriter<byte> writer, T value)
    {
        try
        {
            _serializer.Serialize(writer, value, Shape<T>());
        }
        catch (MessagePackSerializationException e)
        {
            throw new RpcSerializationException($"A value of {typeof(T)} cannot be written: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public T Deserialize<T>(ref ReadOnlyMemory<byte> payload)
    {
        try
        {
            var reader = new MessagePackReader(payload);
            var value = _serializer.Deserialize(ref reader, Shape<T>());
            payload = payload[(int)reader.Consumed..];
            return value!;
        }
        catch (Exception e) when (e is not (RpcSerializationException or OutOfMemoryException))
        {
            // Whatever a converter throws, it was the input that made it do so.
            throw new RpcSerializationException($"The payload is no {typeof(T)}: {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public void WriteArgumentCount(IBufferWriter<byte> writer, int count)
    {
        var pack = new MessagePackWriter(writer);
        pack.WriteArrayHeader(count);
        pack.Flush();
    }

    /// <inheritdoc/>
    public int ReadArgumentCount(ref ReadOnlyMemory<byte> payload)
    {
        try
        {
            var reader = new MessagePackReader(payload);
            var count = reader.ReadArrayHeader();
            payload = payload[(int)reader.Consumed..];
            return count;
        }
        catch (Exception e) when (e is MessagePackSerializationException or EndOfStreamException or OverflowException)
        {
            throw new RpcSerializationException($"The payload is no argument list: {e.Message}", e);
        }
    }

    private static ITypeShape<T> Shape<T>() => RpcShapes.Find<T>() ?? throw new RpcSerializationException(
        $"{typeof(T)} has no MessagePack shape: put [GenerateShape] on the type and make it partial, or, for a type that has "
        + $"no place for the attribute, [GenerateShapeFor<{typeof(T).Name}>] on a partial class of the contract's assembly.");
}
