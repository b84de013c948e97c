using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;

namespace RpcNet.Generators.Tests.Calls;

/// <summary>A codec that needs no shapes: length-prefixed JSON.</summary>
internal sealed class TestSerializer : IRpcSerializer
{
    private static readonly JsonSerializerOptions Options = new()
    {
        IncludeFields = true,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public byte CodecId => 200;

    public string Name => "test-json";

    public void Serialize<T>(IBufferWriter<byte> writer, T value)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(value, Options);
        WriteArgumentCount(writer, bytes.Length);
        writer.Write(bytes);
    }

    public T Deserialize<T>(ref ReadOnlyMemory<byte> payload)
    {
        var length = ReadArgumentCount(ref payload);
        var value = JsonSerializer.Deserialize<T>(payload.Span[..length], Options);
        payload = payload[length..];
        return value!;
    }

    public void WriteArgumentCount(IBufferWriter<byte> writer, int count)
    {
        BinaryPrimitives.WriteInt32LittleEndian(writer.GetSpan(4), count);
        writer.Advance(4);
    }

    public int ReadArgumentCount(ref ReadOnlyMemory<byte> payload)
    {
        var count = BinaryPrimitives.ReadInt32LittleEndian(payload.Span);
        payload = payload[4..];
        return count;
    }
}
