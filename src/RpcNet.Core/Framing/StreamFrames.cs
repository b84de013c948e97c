using RpcNet.Transports;

namespace RpcNet.Framing;

/// <summary>Writes the frames of one call stream, batched; one caller at a time.</summary>
/// <param name="stream">The call's stream.</param>
/// <param name="compression">Compresses messages where that is agreed on.</param>
/// <param name="abortCode">The code that a cancelled flush resets the stream with; null means CANCELLED.</param>
internal sealed class StreamFrameWriter(ITransportStream stream, PayloadCompression compression, Func<long>? abortCode = null) : IDisposable
{
    private const int FlushThreshold = 64 * 1024;
    private const int KeptBytes = 2 * FlushThreshold;

    private readonly PooledBufferWriter _buffer = new(4096);

    public bool ShouldFlush => _buffer.Count >= FlushThreshold;

    /// <summary>What the writer holds of memory.</summary>
    public int BufferBytes => _buffer.Capacity;

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
                throw Faults.MessageTooLarge(payloadLength, maxPayloadBytes);
            }

            flags |= compression.Compress(_buffer, payloadStart);
            FrameHeader.Create(type, flags, extension.Length, _buffer.Count - payloadStart, 0, 0).Write(_buffer.Written[start..]);
        }
        catch
        {
            _buffer.Truncate(start);
            throw;
        }
    }

    /// <summary>Sends what was appended. A cancelled flush resets the stream with the writer's abort code.</summary>
    public async ValueTask FlushAsync(bool endStream, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var write = stream.WriteAsync(_buffer.WrittenMemory, endStream, CancellationToken.None);
        if (write.IsCompletedSuccessfully)
        {
            write.GetAwaiter().GetResult();
        }
        else
        {
            await AwaitWriteAsync(write, cancellationToken).ConfigureAwait(false);
        }

        _buffer.Reset(KeptBytes);
    }

    /// <summary>
    /// Writes a stream of items and flushes whenever the source has none ready or enough are batched; a slow peer slows
    /// the source.
    /// </summary>
    /// <param name="abandonSource">
    /// Whether cancellation returns at once even if the source ignores it; its enumerator is then disposed when it lets go.
    /// </param>
    public async Task WriteItemsAsync<T>(
        IAsyncEnumerable<T> items,
        RpcMarshaller<T> marshaller,
        IRpcSerializer serializer,
        int maxPayloadBytes,
        bool abandonSource,
        CancellationToken cancellationToken,
        Action? beforeFirstItem = null)
    {
        var enumerator = items.GetAsyncEnumerator(cancellationToken);
        Task<bool>? moving = null;
        try
        {
            while (true)
            {
                var next = enumerator.MoveNextAsync();
                bool more;
                if (next.IsCompleted)
                {
                    more = await next.ConfigureAwait(false);
                }
                else
                {
                    moving = next.AsTask();
                    if (HasUnsent)
                    {
                        await FlushAsync(endStream: false, cancellationToken).ConfigureAwait(false);
                    }

                    more = await (abandonSource ? moving.WaitAsync(cancellationToken) : moving).ConfigureAwait(false);
                    moving = null;
                }

                if (!more)
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
        finally
        {
            // An enumerator must not be disposed while it moves.
            if (moving is null || moving.IsCompleted)
            {
                await enumerator.DisposeAsync().ConfigureAwait(false);
            }
            else if (abandonSource)
            {
                _ = DisposeWhenStillAsync(enumerator, moving);
            }
            else
            {
                await DisposeWhenStillAsync(enumerator, moving).ConfigureAwait(false);
            }
        }
    }

    public void Dispose() => _buffer.Dispose();

    private static async Task DisposeWhenStillAsync<T>(IAsyncEnumerator<T> enumerator, Task moving)
    {
        await moving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await enumerator.DisposeAsync().ConfigureAwait(false);
    }

    private async ValueTask AwaitWriteAsync(ValueTask write, CancellationToken cancellationToken)
    {
        var registration = cancellationToken.UnsafeRegister(static state => ((StreamFrameWriter)state!).Abort(), this);
        await using (registration.ConfigureAwait(false))
        {
            try
            {
                await write.ConfigureAwait(false);
            }
            catch (TransportException) when (cancellationToken.IsCancellationRequested)
            {
                throw new OperationCanceledException(cancellationToken);
            }
        }
    }

    private void Abort() => stream.AbortWrite(abortCode?.Invoke() ?? RpcErrorCode.Cancelled);
}
