using System.Buffers;

namespace RpcNet;

/// <summary>A codec: turns values into bytes that delimit themselves, and back.</summary>
/// <remarks>
/// All members may be called concurrently. Input is untrusted: implementations bound depth and resist hash flooding,
/// and a decoded value never aliases the input buffer.
/// </remarks>
public interface IRpcSerializer
{
    /// <summary>The codec's number on the wire: 1 is MessagePack; 128 … 255 are free for applications.</summary>
    byte CodecId { get; }

    /// <summary>The codec's name for logs and describe, such as "msgpack".</summary>
    string Name { get; }

    /// <summary>Appends one value.</summary>
    /// <exception cref="RpcSerializationException">The type is not supported or the value cannot be written.</exception>
    void Serialize<T>(IBufferWriter<byte> writer, T value);

    /// <summary>Reads one value from the front of <paramref name="payload"/> and advances past it.</summary>
    /// <exception cref="RpcSerializationException">The bytes are not a value of this type, or break a limit.</exception>
    T Deserialize<T>(ref ReadOnlyMemory<byte> payload);

    /// <summary>Opens a list of <paramref name="count"/> arguments, each then appended with <see cref="Serialize{T}"/>.</summary>
    void WriteArgumentCount(IBufferWriter<byte> writer, int count);

    /// <summary>Reads what <see cref="WriteArgumentCount"/> wrote and advances past it.</summary>
    /// <exception cref="RpcSerializationException">There is no argument list.</exception>
    int ReadArgumentCount(ref ReadOnlyMemory<byte> payload);
}

/// <summary>A payload cannot be written or read.</summary>
public sealed class RpcSerializationException : Exception
{
    /// <summary>Creates the exception.</summary>
    public RpcSerializationException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
