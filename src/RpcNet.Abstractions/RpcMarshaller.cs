using System.Buffers;

namespace RpcNet;

/// <summary>Writes and reads one kind of payload with whichever codec the call uses. Stateless.</summary>
/// <typeparam name="T">The value that the payload carries.</typeparam>
public abstract class RpcMarshaller<T>
{
    /// <summary>Appends the payload.</summary>
    public abstract void Write(IRpcSerializer serializer, IBufferWriter<byte> writer, in T value);

    /// <summary>Reads the whole payload.</summary>
    /// <exception cref="RpcSerializationException">The payload is malformed or has bytes left over.</exception>
    public abstract T Read(IRpcSerializer serializer, ReadOnlyMemory<byte> payload);
}

/// <summary>The marshallers that every contract shares, and what generated ones need.</summary>
public static class RpcMarshaller
{
    /// <summary>An empty payload.</summary>
    public static RpcMarshaller<RpcEmpty> Empty { get; } = new EmptyMarshaller();

    /// <summary>The payload as it is, without a codec. A read copies.</summary>
    public static RpcMarshaller<ReadOnlyMemory<byte>> Raw { get; } = new RawMarshaller();

    /// <summary>A payload that is one value.</summary>
    public static RpcMarshaller<T> Value<T>() => ValueMarshaller<T>.Instance;

    /// <summary>Reads the argument count and checks it; more than expected are allowed for later versions of a contract.</summary>
    /// <returns>How many of the arguments that this side does not know follow the expected ones.</returns>
    /// <exception cref="RpcSerializationException">There are fewer than expected.</exception>
    public static int ReadArguments(IRpcSerializer serializer, ref ReadOnlyMemory<byte> payload, int expected)
    {
        ArgumentNullException.ThrowIfNull(serializer);
        var count = serializer.ReadArgumentCount(ref payload);
        return count >= expected
            ? count - expected
            : throw new RpcSerializationException($"The call has {count} arguments; the method takes {expected}.");
    }

    /// <summary>Checks that a payload was read to its end.</summary>
    /// <exception cref="RpcSerializationException">Bytes are left over.</exception>
    public static void EnsureConsumed(ReadOnlyMemory<byte> rest)
    {
        if (!rest.IsEmpty)
        {
            throw new RpcSerializationException($"{rest.Length} bytes are left over after the payload's last value.");
        }
    }

    private sealed class ValueMarshaller<T> : RpcMarshaller<T>
    {
        public static readonly ValueMarshaller<T> Instance = new();

        public override void Write(IRpcSerializer serializer, IBufferWriter<byte> writer, in T value) =>
            serializer.Serialize(writer, value);

        public override T Read(IRpcSerializer serializer, ReadOnlyMemory<byte> payload)
        {
            var value = serializer.Deserialize<T>(ref payload);
            EnsureConsumed(payload);
            return value;
        }
    }

    private sealed class EmptyMarshaller : RpcMarshaller<RpcEmpty>
    {
        public override void Write(IRpcSerializer serializer, IBufferWriter<byte> writer, in RpcEmpty value)
        {
        }

        public override RpcEmpty Read(IRpcSerializer serializer, ReadOnlyMemory<byte> payload)
        {
            EnsureConsumed(payload);
            return default;
        }
    }

    private sealed class RawMarshaller : RpcMarshaller<ReadOnlyMemory<byte>>
    {
        public override void Write(IRpcSerializer serializer, IBufferWriter<byte> writer, in ReadOnlyMemory<byte> value) =>
            writer.Write(value.Span);

        public override ReadOnlyMemory<byte> Read(IRpcSerializer serializer, ReadOnlyMemory<byte> payload) =>
            payload.ToArray();
    }
}
