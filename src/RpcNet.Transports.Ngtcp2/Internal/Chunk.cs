namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// A block of memory that holds stream bytes at a fixed address. On the pinned heap rather than native, so that what an
/// application never reads or disposes is collected all the same.
/// </summary>
internal sealed unsafe class Chunk
{
    public const int Size = 4096;

    private readonly byte[] _memory = GC.AllocateUninitializedArray<byte>(Size, pinned: true);

    public byte* Data => (byte*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(_memory, 0);

    /// <summary>Bytes put in.</summary>
    public int Filled { get; set; }

    /// <summary>Bytes taken out (receiving) or acknowledged (sending).</summary>
    public int Taken { get; set; }

    public Chunk? Next { get; set; }

    /// <summary>Whether it lies in a pool; kept while <see cref="NativeChecks"/> are on.</summary>
    public bool IsPooled { get; set; }

    /// <summary>Makes its content unusable, so that whoever still sends from it is found out.</summary>
    public void Poison() => _memory.AsSpan().Fill(0xdd);

    public Span<byte> Free => _memory.AsSpan(Filled);

    public ReadOnlySpan<byte> Unread => _memory.AsSpan(Taken, Filled - Taken);
}

/// <summary>A bounded pool of chunks, shared by all connections of a loop.</summary>
internal sealed class ChunkPool
{
    private const int Retained = 4096;

    private readonly Lock _gate = new();
    private Chunk? _free;
    private int _count;

    public Chunk Rent()
    {
        lock (_gate)
        {
            if (_free is { } chunk)
            {
                _free = chunk.Next;
                _count--;
                chunk.Next = null;
                chunk.IsPooled = false;
                chunk.Filled = 0;
                chunk.Taken = 0;
                return chunk;
            }
        }

        return new Chunk();
    }

    public void Return(Chunk chunk)
    {
        if (NativeChecks.Enabled)
        {
            if (chunk.IsPooled)
            {
                NativeChecks.Fail("a chunk of stream bytes was given back twice");
            }

            chunk.IsPooled = true;
            chunk.Poison();
        }

        lock (_gate)
        {
            if (_count < Retained)
            {
                chunk.Next = _free;
                _free = chunk;
                _count++;
            }
        }
    }
}
