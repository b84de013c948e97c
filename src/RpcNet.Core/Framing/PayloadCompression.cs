using System.Buffers;
using System.Buffers.Binary;
using System.IO.Compression;
using RpcNet.Diagnostics;

namespace RpcNet.Framing;

/// <summary>
/// Compresses what one connection sends and takes what it receives. A compressed payload is the algorithm (1 byte), the
/// length before compression (4 bytes, little endian), then the compressed bytes.
/// </summary>
internal sealed class PayloadCompression
{
    public const int PrefixBytes = 5;

    /// <summary>2^22 bytes, Brotli's usual window; the encoder takes less for smaller payloads.</summary>
    private const int WindowBits = 22;

    private readonly RpcCompressionOptions _options;
    private readonly bool _sends;

    private PayloadCompression(RpcCompressionOptions options, bool sends)
    {
        _options = options;
        _sends = sends;
    }

    /// <summary>Neither sends nor takes compressed payloads.</summary>
    public static PayloadCompression None { get; } = new(new RpcCompressionOptions(), sends: false);

    /// <summary>What both sides have agreed on with their SETTINGS.</summary>
    public static PayloadCompression Agree(RpcCompressionOptions options, in PeerSettings peer) =>
        options.Algorithm == RpcCompressionAlgorithm.None ? None : new(options, (peer.Decompresses & Bit(options.Algorithm)) != 0);

    /// <summary>The setting that tells the peer what this side takes.</summary>
    public static int Announce(RpcCompressionOptions options) =>
        options.Algorithm == RpcCompressionAlgorithm.None ? 0 : Bit(options.Algorithm);

    /// <summary>Compresses the end of <paramref name="buffer"/> in place, where that is agreed on and saves anything.</summary>
    /// <returns>The flag for the payload's frame.</returns>
    public FrameFlags Compress(PooledBufferWriter buffer, int start)
    {
        var length = buffer.Count - start;
        if (!_sends || length < _options.ThresholdBytes)
        {
            return FrameFlags.None;
        }

        var compressed = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            var room = compressed.AsSpan(PrefixBytes, length - PrefixBytes - 1);
            if (!BrotliEncoder.TryCompress(buffer.WrittenSpan[start..], room, out var written, _options.Level, WindowBits))
            {
                return FrameFlags.None;
            }

            compressed[0] = (byte)RpcCompressionAlgorithm.Brotli;
            BinaryPrimitives.WriteInt32LittleEndian(compressed.AsSpan(1), length);
            buffer.Truncate(start);
            buffer.Write(compressed.AsSpan(0, PrefixBytes + written));
            RpcTelemetry.PayloadCompressed(length - (buffer.Count - start));
            return FrameFlags.Compressed;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(compressed);
        }
    }

    /// <summary>Reads a payload, decompressed before if its frame says so.</summary>
    /// <param name="maxBytes">The most that the payload may take when it is decompressed.</param>
    /// <exception cref="RpcSerializationException">The payload cannot be read.</exception>
    /// <exception cref="RpcFaultException">ResourceExhausted: the payload would exceed <paramref name="maxBytes"/>.</exception>
    public T Read<T>(RpcMarshaller<T> marshaller, IRpcSerializer serializer, ReadOnlyMemory<byte> payload, FrameFlags flags, int maxBytes)
    {
        if ((flags & FrameFlags.Compressed) == 0)
        {
            return marshaller.Read(serializer, payload);
        }

        // Decoded values never alias their input, so it can go back at once.
        var length = CheckPrefix(payload.Span, maxBytes);
        var decompressed = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            Decompress(payload.Span[PrefixBytes..], decompressed.AsSpan(0, length));
            return marshaller.Read(serializer, decompressed.AsMemory(0, length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(decompressed);
        }
    }

    private static int Bit(RpcCompressionAlgorithm algorithm) => 1 << (int)algorithm;

    private int CheckPrefix(ReadOnlySpan<byte> payload, int maxBytes)
    {
        if (_options.Algorithm == RpcCompressionAlgorithm.None)
        {
            throw new RpcSerializationException("The payload is compressed, which this side did not agree to.");
        }

        if (payload.Length < PrefixBytes)
        {
            throw new RpcSerializationException($"A compressed payload has {payload.Length} bytes, fewer than its prefix.");
        }

        if (payload[0] != (byte)_options.Algorithm)
        {
            throw new RpcSerializationException($"The payload is compressed by the algorithm {payload[0]}, which this side did not agree to.");
        }

        var length = BinaryPrimitives.ReadUInt32LittleEndian(payload[1..]);
        return length <= maxBytes
            ? (int)length
            : throw new RpcFaultException(
                RpcStatusCode.ResourceExhausted, $"A message of {length} bytes, compressed to {payload.Length}, exceeds the limit of {maxBytes}.");
    }

    /// <summary>The destination bounds the output, whatever the input unfolds to.</summary>
    private static void Decompress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        using var decoder = new BrotliDecoder();
        if (decoder.Decompress(source, destination, out var consumed, out var written) != OperationStatus.Done
            || consumed != source.Length
            || written != destination.Length)
        {
            throw new RpcSerializationException($"A compressed payload does not unfold to the {destination.Length} bytes that it announces.");
        }
    }
}
