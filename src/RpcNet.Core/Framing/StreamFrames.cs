using RpcNet.Transports;

namespace RpcNet.Framing;

/// <summary>Writes the frames of one call stream, batched; one caller at a time.</summary>
internal sealed class StreamFrameWriter(ITransportStream stream) : IDisposable
{
    private const int FlushThreshold = 64 * 1024;
    private const int KeptBytes = 2 * FlushThreshold;

    private readonly PooledBufferWriter _buffer = new(4096);

    public bool ShouldFlush => _buffer.Count >= FlushThreshold;

    public bool HasUnsent => _buffer.Count > 0;

    public void AppendVarInt(long value) => _buffer.Advance(VarInt.Write(_buffer.GetSpan(VarInt.MaxLength), value));

    public void Append(FrameType type, FrameFlags flags, uint argument, ReadOnlySpan<byte> extension, ReadOnlySpan<byte> payload)
    {
        var header = FrameHeader.Create(type, flags, extension.Length, payload.Length, 0, argument);
        header.Write(_buffer.GetSpan(FrameHeader.Size));
        _buffer.Advance(FrameHeader.Size);
        _buffer.Write(extension);
        _buffer.Write(payload);
    }

    public void Append(FrameType type, uint argument, in FrameExtension extension)
    {
        if (extension.IsEmpty)
        {
            Append(type, FrameFlags.None, argument, [], []);
            return;
        }

        using var scratch = new PooledBufferWriter();
        extension.Write(scratch);
        Append(type, FrameFlags.None, argument, scratch.WrittenSpan, []);
    }

    /// <summary>Appends a frame whose payload is written in place.</summary>
    /// <exception cref="RpcFaultException">ResourceExhausted: the payload is larger than the peer takes; nothing was appended.</exception>
    public void AppendMessage<T>(
        FrameType type,
        FrameFlags flags,
        ReadOnlySpan<byte> extension,
        RpcMarshaller<T> marshaller,
        IRpcSerializer serializer,
        in T value,
        int maxPayloadBytes)
    {
        var start = _buffer.Count;
        try
        {
            _buffer.GetSpan(FrameHeader.Size);
            _buffer.Advance(FrameHeader.Size);
            _buffer.Write(extension);
            var payloadStart = _buffer.Count;
            marshaller.Write(serializer, _buffer, value);
            var payloadLength = _buffer.Count - payloadStart;
            if (payloadLength > maxPayloadBytes)
            {
                throw new RpcFaultException(
                    RpcStatusCode.ResourceExhausted, $"A message of {payloadLength} bytes exceeds the limit of {maxPayloadBytes}.");
            }

            FrameHeader.Create(type, flags, extension.Length, payloadLength, 0, 0).Write(_buffer.Written[start..]);
        }
        catch
        {
            _buffer.Truncate(start);
            throw;
        }
    }

    public async ValueTask FlushAsync(bool endStream, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(_buffer.WrittenMemory, endStream, cancellationToken).ConfigureAwait(false);
        _buffer.Reset(KeptBytes);
    }

    /// <summary>
    /// Writes a stream of items and flushes whenever the source has none ready or enough are batched; a slow peer slows
    /// the source.
    /// </summary>
    public async Task WriteItemsAsync<T>(
        IAsyncEnumerable<T> items,
        RpcMarshaller<T> marshaller,
        IRpcSerializer serializer,
        int maxPayloadBytes,
        CancellationToken cancellationToken,
        Action? beforeFirstItem = null)
    {
        var enumerator = items.GetAsyncEnumerator(cancellationToken);
        await using (enumerator.ConfigureAwait(false))
        {
            while (true)
            {
                var next = enumerator.MoveNextAsync();
                if (!next.IsCompleted && HasUnsent)
                {
                    await FlushAsync(endStream: false, cancellationToken).ConfigureAwait(false);
                }

                if (!await next.ConfigureAwait(false))
                {
                    return;
                }

                beforeFirstItem?.Invoke();
                beforeFirstItem = null;
                AppendMessage(FrameType.Item, FrameFlags.None, [], marshaller, serializer, enumerator.Current, maxPayloadBytes);
                if (ShouldFlush)
                {
                    await FlushAsync(endStream: false, cancellationToken).ConfigureAwait(false);
                }
            }
        }
    }

    public void Dispose() => _buffer.Dispose();
}
