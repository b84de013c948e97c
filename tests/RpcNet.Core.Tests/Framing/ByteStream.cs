using RpcNet.Transports;

namespace RpcNet.Core.Tests.Framing;

/// <summary>Gives bytes in pieces of random size, then FIN.</summary>
internal sealed class ByteStream(byte[] bytes, Random random, int chunk = 100) : ITransportStream
{
    private int _position;

    public long Id => 0;

    public bool CanRead => true;

    public bool CanWrite => false;

    public Task WritesClosed => Task.CompletedTask;

    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Assert.NotEqual(0, buffer.Length);
        var size = Math.Min(Math.Min(buffer.Length, bytes.Length - _position), random.Next(1, chunk));
        bytes.AsMemory(_position, size).CopyTo(buffer);
        _position += size;
        return new(size);
    }

    public ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, bool endStream, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();

    public void AbortRead(long errorCode)
    {
    }

    public void AbortWrite(long errorCode)
    {
    }

    public ValueTask DisposeAsync() => default;
}
