namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>Bytes received in order and not yet read. Bounded by the stream's flow-control window.</summary>
internal struct ReceiveBuffer
{
    private Chunk? _first;
    private Chunk? _last;

    public int Length { get; private set; }

    public void Append(ReadOnlySpan<byte> data, ChunkPool pool)
    {
        Length += data.Length;
        while (!data.IsEmpty)
        {
            if (_last is null || _last.Filled == Chunk.Size)
            {
                var chunk = pool.Rent();
                if (_last is null)
                {
                    _first = chunk;
                }
                else
                {
                    _last.Next = chunk;
                }

                _last = chunk;
            }

            var count = Math.Min(data.Length, Chunk.Size - _last.Filled);
            data[..count].CopyTo(_last.Free);
            _last.Filled += count;
            data = data[count..];
        }
    }

    public int Read(Span<byte> destination, ChunkPool pool)
    {
        var total = 0;
        while (_first is { } chunk && !destination.IsEmpty)
        {
            var unread = chunk.Unread;
            var count = Math.Min(unread.Length, destination.Length);
            unread[..count].CopyTo(destination);
            destination = destination[count..];
            chunk.Taken += count;
            total += count;
            if (chunk.Taken == chunk.Filled)
            {
                _first = chunk.Next;
                if (_first is null)
                {
                    _last = null;
                }

                pool.Return(chunk);
            }
        }

        Length -= total;
        return total;
    }

    /// <summary>Drops everything and returns how much it was.</summary>
    public int Clear(ChunkPool pool)
    {
        for (var chunk = _first; chunk is not null;)
        {
            var next = chunk.Next;
            pool.Return(chunk);
            chunk = next;
        }

        var dropped = Length;
        _first = _last = null;
        Length = 0;
        return dropped;
    }
}
