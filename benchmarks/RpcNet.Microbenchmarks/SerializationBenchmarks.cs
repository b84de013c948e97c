using System.Buffers;
using BenchmarkDotNet.Attributes;
using PolyType;
using RpcNet.Serialization;

namespace RpcNet.Microbenchmarks;

/// <summary>The default codec on a message like the load test's.</summary>
public class SerializationBenchmarks
{
    private readonly ArrayBufferWriter<byte> _writer = new(1 << 20);
    private readonly MessagePackRpcSerializer _serializer = MessagePackRpcSerializer.Default;
    private Payload _message = null!;
    private byte[] _encoded = [];

    [Params(100, 16 * 1024)]
    public int Bytes { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _message = new Payload("task-1", new byte[Bytes]);
        Serialize();
        _encoded = _writer.WrittenSpan.ToArray();
    }

    [Benchmark]
    public void Serialize()
    {
        _writer.ResetWrittenCount();
        _serializer.Serialize(_writer, _message);
    }

    [Benchmark]
    public Payload Deserialize()
    {
        ReadOnlyMemory<byte> bytes = _encoded;
        return _serializer.Deserialize<Payload>(ref bytes);
    }
}

/// <summary>A message of two members.</summary>
[GenerateShape]
public sealed partial record Payload(string Id, byte[] Data);
