using System.Buffers;
using RpcNet.Transports;

namespace RpcNet.Framing;

/// <summary>A frame in the reader's buffer, valid until the next read.</summary>
internal readonly record struct Frame(FrameHeader Header, ReadOnlyMemory<byte> Extension, ReadOnlyMemory<byte> Payload);

/// <summary>Reads a stream as varints and frames through one pooled buffer. Single reader.</summary>
internal sealed class FrameReader(ITransportStream stream, int maxExtensionBytes, int maxPayloadBytes) : IDisposable
{
    // What waits for the peer's next words while it is silent: room for a small call.
    private const int IdleBufferSize = 512;
    private const int BufferSize = 4 * 1024;
    private const int ReadAheadBufferSize = 64 * 1024;

    // So many reads in a row that a buffer of a quarter would have held show that it has become too large.
    private const int ShrinkAfter = 16;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(IdleBufferSize);
    private int _start;
    private int _end;
    private int _smallReads;
    private bool _reading;

    /// <summary>The largest payload of the frames that follow.</summary>
    public int MaxPayloadBytes { get; set; } = maxPayloadBytes;

    /// <summary>Whoever awaits this reader neither blocks nor runs user code: see <see cref="ITransportStream.AllowInlineReads"/>.</summary>
    public void AllowInlineReads() => stream.AllowInlineReads();

    /// <summary>What the reader holds of memory.</summary>
    public int BufferBytes => _buffer.Length;

    /// <summary>Takes the next complete frame out of the buffer; false means that more bytes are needed.</summary>
    /// <exception cref="RpcProtocolException">The header breaks a rule or a limit; nothing was allocated for it.</exception>
    public bool TryRead(out Frame frame)
    {
        frame = default;
        var available = _end - _start;
        if (available < FrameHeader.Size)
        {
            return false;
        }

        var header = FrameHeader.Read(_buffer.AsSpan(_start));
        Validate(header);
        var total = FrameHeader.LengthFieldSize + (int)header.Length;
        if (available < total)
        {
            return false;
        }

        var body = _start + FrameHeader.Size;
        frame = new Frame(
            header,
            _buffer.AsMemory(body, header.ExtensionLength),
            _buffer.AsMemory(body + header.ExtensionLength, (int)header.PayloadLength));
        _start += total;
        return true;
    }

    /// <summary>Reads more bytes; false at the end of the stream.</summary>
    /// <exception cref="RpcProtocolException">The stream ended inside a frame.</exception>
    public async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        MakeRoom();
        int read;
        _reading = true;
        try
        {
            read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _reading = false;
        }

        if (read == 0)
        {
            return _start == _end
                ? false
                : throw new RpcProtocolException($"The stream ended inside a frame, {_end - _start} bytes after its start.");
        }

        _end += read;
        return true;
    }

    /// <summary>Reads the next frame; null at the end of the stream.</summary>
    public async ValueTask<Frame?> ReadAsync(CancellationToken cancellationToken)
    {
        Frame frame;
        while (!TryRead(out frame))
        {
            if (!await FillAsync(cancellationToken).ConfigureAwait(false))
            {
                return null;
            }
        }

        return frame;
    }

    /// <summary>The length that the next frame's header announces, once <see cref="WaitForHeaderAsync"/> has seen it.</summary>
    public uint NextLength => FrameHeader.Read(_buffer.AsSpan(_start)).Length;

    /// <summary>Waits for the header of the next frame; false at the end of the stream.</summary>
    public async ValueTask<bool> WaitForHeaderAsync(CancellationToken cancellationToken)
    {
        while (_end - _start < FrameHeader.Size)
        {
            if (!await FillAsync(cancellationToken).ConfigureAwait(false))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Reads a varint; null at the end of the stream.</summary>
    public async ValueTask<long?> ReadVarIntAsync(CancellationToken cancellationToken)
    {
        long value;
        int consumed;
        while ((consumed = VarInt.TryRead(_buffer.AsSpan(_start, _end - _start), out value)) == 0)
        {
            if (!await FillAsync(cancellationToken).ConfigureAwait(false))
            {
                return null;
            }
        }

        _start += consumed;
        return value;
    }

    public void Dispose()
    {
        if (_buffer.Length > 0)
        {
            // The transport may still write into the buffer of a read that nobody waited for: the pool must not lend it again.
            if (!_reading)
            {
                ArrayPool<byte>.Shared.Return(_buffer);
            }

            _buffer = [];
            _start = _end = 0;
        }
    }

    private void Validate(FrameHeader header)
    {
        if (header.Length < FrameHeader.FixedLength + (uint)header.ExtensionLength)
        {
            throw new RpcProtocolException($"A frame of type {header.Type} has the length {header.Length}, less than its own header.");
        }

        if (header.ExtensionLength > maxExtensionBytes)
        {
            throw new RpcProtocolException(
                $"A frame's extension has {header.ExtensionLength} bytes; the limit is {maxExtensionBytes}.", RpcErrorCode.LimitExceeded);
        }

        if (header.PayloadLength > MaxPayloadBytes)
        {
            throw new RpcProtocolException(
                $"A frame's payload has {header.PayloadLength} bytes; the limit is {MaxPayloadBytes}.", RpcErrorCode.LimitExceeded);
        }
    }

    /// <summary>Makes room for a read. The buffer grows only as bytes arrive, so a header alone reserves no memory.</summary>
    private void MakeRoom()
    {
        // A read that filled the buffer says that more is waiting.
        var filled = _end == _buffer.Length && _buffer.Length < ReadAheadBufferSize;
        _smallReads = _end <= _buffer.Length / 4 ? _smallReads + 1 : 0;
        if (_start == _end)
        {
            _start = _end = 0;
        }
        else if (_buffer.Length - _end < _buffer.Length / 4)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        if (filled || _buffer.Length - _end < _buffer.Length / 4)
        {
            Resize(Math.Max(BufferSize, _buffer.Length * 2));
        }
        else if (_end == 0 && _smallReads >= ShrinkAfter && _buffer.Length > IdleBufferSize)
        {
            Resize(_buffer.Length / 2);
        }
    }

    private void Resize(int size)
    {
        var other = ArrayPool<byte>.Shared.Rent(size);
        _buffer.AsSpan(0, _end).CopyTo(other);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = other;
        _smallReads = 0;
    }
}
