using BenchmarkDotNet.Attributes;
using RpcNet.Framing;

namespace RpcNet.Microbenchmarks;

/// <summary>Frames and their extensions, written and read.</summary>
public class FrameCodecBenchmarks : IDisposable
{
    private readonly PooledBufferWriter _buffer = new();
    private readonly byte[] _header = new byte[FrameHeader.Size];
    private readonly byte[] _deadline;
    private readonly byte[] _traced;

    public FrameCodecBenchmarks()
    {
        _deadline = Encode(new FrameExtension { TimeoutMicroseconds = 30_000_000 });
        _traced = Encode(Traced);
        FrameHeader.Create(FrameType.Request, FrameFlags.None, 6, 104, 77, 3).Write(_header);
    }

    private static FrameExtension Traced => new()
    {
        TimeoutMicroseconds = 30_000_000,
        TraceParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    };

    [Benchmark]
    public void WriteHeader() => FrameHeader.Create(FrameType.Request, FrameFlags.None, 6, 104, 77, 3).Write(_header);

    [Benchmark]
    public uint ReadHeader() => FrameHeader.Read(_header).CallId;

    [Benchmark]
    public int WriteDeadline()
    {
        _buffer.Clear();
        new FrameExtension { TimeoutMicroseconds = 30_000_000 }.Write(_buffer);
        return _buffer.Count;
    }

    [Benchmark]
    public long? ReadDeadline() => FrameExtension.Read(_deadline).TimeoutMicroseconds;

    [Benchmark]
    public int WriteDeadlineAndTrace()
    {
        _buffer.Clear();
        Traced.Write(_buffer);
        return _buffer.Count;
    }

    [Benchmark]
    public string? ReadDeadlineAndTrace() => FrameExtension.Read(_traced).TraceParent;

    public void Dispose() => _buffer.Dispose();

    private static byte[] Encode(FrameExtension extension)
    {
        using var buffer = new PooledBufferWriter();
        extension.Write(buffer);
        return buffer.WrittenSpan.ToArray();
    }
}
