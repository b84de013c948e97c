using System.Diagnostics;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// What a stream has taken from its writer and the peer has not acknowledged. Bytes keep their address until acknowledged,
/// since libngtcp2 sends them again from there. The stream's lock guards it; the I/O thread alone moves the sent position.
/// </summary>
internal unsafe struct SendBuffer
{
    private Chunk? _first;
    private Chunk? _last;
    private Chunk? _sending;
    private int _sendingPosition;

    /// <summary>Bytes written by the application.</summary>
    public long Written { get; private set; }

    /// <summary>Bytes handed to libngtcp2.</summary>
    public long Sent { get; private set; }

    /// <summary>Bytes acknowledged by the peer.</summary>
    public long Acknowledged { get; private set; }

    public readonly long Buffered => Written - Acknowledged;

    public readonly bool HasUnsent => Written > Sent;

    public void Append(ReadOnlySpan<byte> data, ChunkPool pool)
    {
        Written += data.Length;
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
                if (_sending is null)
                {
                    _sending = chunk;
                    _sendingPosition = 0;
                }
            }

            var count = Math.Min(data.Length, Chunk.Size - _last.Filled);
            data[..count].CopyTo(_last.Free);
            _last.Filled += count;
            data = data[count..];
        }
    }

    /// <summary>
    /// Points <paramref name="vectors"/> at unsent bytes, at most <paramref name="limit"/> of them; <paramref name="all"/>
    /// tells whether no more are unsent.
    /// </summary>
    public readonly int Gather(Span<NgVec> vectors, int limit, out bool all)
    {
        var count = 0;
        var chunk = _sending;
        var position = _sendingPosition;
        var left = Written - Sent;
        while (left > 0 && limit > 0 && count < vectors.Length)
        {
            var length = Math.Min(chunk!.Filled - position, limit);
            if (length > 0)
            {
                vectors[count++] = new NgVec { Base = chunk.Data + position, Len = (nuint)length };
                left -= length;
                limit -= length;
            }

            chunk = chunk.Next;
            position = 0;
        }

        all = left == 0;
        return count;
    }

    public void MarkSent(long count)
    {
        Sent += count;
        while (count > 0)
        {
            var step = (int)Math.Min(count, _sending!.Filled - _sendingPosition);
            _sendingPosition += step;
            count -= step;
            if (_sendingPosition == Chunk.Size)
            {
                _sending = _sending.Next;
                _sendingPosition = 0;
            }
        }
    }

    /// <summary>Everything counts as unsent again; nothing may have been acknowledged.</summary>
    public void Rewind()
    {
        Debug.Assert(Acknowledged == 0, "what the peer has is not sent again");
        Sent = 0;
        _sending = _first;
        _sendingPosition = 0;
    }

    public void Acknowledge(long count, ChunkPool pool)
    {
        Acknowledged += count;
        while (count > 0)
        {
            var chunk = _first!;
            var step = (int)Math.Min(count, chunk.Filled - chunk.Taken);
            chunk.Taken += step;
            count -= step;
            // A chunk that is acknowledged whole goes back even when half empty, unless more is being written to it.
            if (chunk.Taken == chunk.Filled && (chunk.Filled == Chunk.Size || Buffered == 0))
            {
                _first = chunk.Next;
                if (_last == chunk)
                {
                    _last = null;
                }

                if (_sending == chunk)
                {
                    _sending = _first;
                    _sendingPosition = 0;
                }

                pool.Return(chunk);
            }
        }
    }

    /// <summary>Frees everything; only when libngtcp2 no longer knows the stream.</summary>
    public void Clear(ChunkPool pool)
    {
        for (var chunk = _first; chunk is not null;)
        {
            var next = chunk.Next;
            pool.Return(chunk);
            chunk = next;
        }

        _first = _last = _sending = null;
        Sent = Acknowledged = Written;
    }
}
