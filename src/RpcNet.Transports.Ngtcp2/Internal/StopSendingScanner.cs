namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// Finds STOP_SENDING frames in a decrypted QUIC packet (RFC 9000 section 19). Anything malformed ends the scan:
/// libngtcp2 judges the packet.
/// </summary>
internal static class StopSendingScanner
{
    public static void Scan(ReadOnlySpan<byte> frames, List<(long StreamId, long Code)> found)
    {
        while (!frames.IsEmpty)
        {
            var type = frames[0];
            frames = frames[1..];
            switch (type)
            {
                case 0x00 or 0x01 or 0x1e: // PADDING, PING, HANDSHAKE_DONE
                    continue;
                case 0x02 or 0x03:
                    if (!SkipAck(ref frames, withEcn: type == 0x03))
                    {
                        return;
                    }

                    continue;
                case 0x05:
                    if (!Read(ref frames, out var id) || !Read(ref frames, out var code))
                    {
                        return;
                    }

                    found.Add((id, code));
                    continue;
                case 0x06: // CRYPTO
                    if (!Skip(ref frames, 1) || !SkipBytes(ref frames))
                    {
                        return;
                    }

                    continue;
                case 0x07: // NEW_TOKEN
                    if (!SkipBytes(ref frames))
                    {
                        return;
                    }

                    continue;
                case >= 0x08 and <= 0x0f: // STREAM; without the length bit it fills the packet
                    if ((type & 2) == 0 || !Skip(ref frames, (type & 4) != 0 ? 2 : 1) || !SkipBytes(ref frames))
                    {
                        return;
                    }

                    continue;
                case 0x18: // NEW_CONNECTION_ID: two numbers, a length byte, the id and a 16-byte token
                    if (!Skip(ref frames, 2) || frames.IsEmpty || frames.Length < 17 + frames[0])
                    {
                        return;
                    }

                    frames = frames[(17 + frames[0])..];
                    continue;
                case 0x1a or 0x1b: // PATH_CHALLENGE, PATH_RESPONSE
                    if (frames.Length < 8)
                    {
                        return;
                    }

                    frames = frames[8..];
                    continue;
                default:
                    if (Numbers(type) is not { } numbers || !Skip(ref frames, numbers))
                    {
                        return;
                    }

                    continue;
            }
        }
    }

    // The frames that consist of numbers alone.
    private static int? Numbers(byte type) => type switch
    {
        0x04 => 3, // RESET_STREAM
        0x10 => 1, // MAX_DATA
        0x11 => 2, // MAX_STREAM_DATA
        0x12 or 0x13 => 1, // MAX_STREAMS
        0x14 => 1, // DATA_BLOCKED
        0x15 => 2, // STREAM_DATA_BLOCKED
        0x16 or 0x17 => 1, // STREAMS_BLOCKED
        0x19 => 1, // RETIRE_CONNECTION_ID
        _ => null,
    };

    private static bool SkipAck(ref ReadOnlySpan<byte> frames, bool withEcn)
    {
        if (!Skip(ref frames, 2) || !Read(ref frames, out var ranges) || !Skip(ref frames, 1))
        {
            return false;
        }

        for (; ranges > 0; ranges--)
        {
            if (!Skip(ref frames, 2))
            {
                return false;
            }
        }

        return !withEcn || Skip(ref frames, 3);
    }

    private static bool Skip(ref ReadOnlySpan<byte> frames, int numbers)
    {
        for (; numbers > 0; numbers--)
        {
            if (!Read(ref frames, out _))
            {
                return false;
            }
        }

        return true;
    }

    private static bool SkipBytes(ref ReadOnlySpan<byte> frames)
    {
        if (!Read(ref frames, out var length) || length > frames.Length)
        {
            return false;
        }

        frames = frames[(int)length..];
        return true;
    }

    // A variable-length integer (RFC 9000 section 16).
    private static bool Read(ref ReadOnlySpan<byte> frames, out long value)
    {
        value = 0;
        if (frames.IsEmpty)
        {
            return false;
        }

        var length = 1 << (frames[0] >> 6);
        if (frames.Length < length)
        {
            return false;
        }

        value = frames[0] & 0x3f;
        for (var i = 1; i < length; i++)
        {
            value = (value << 8) | frames[i];
        }

        frames = frames[length..];
        return true;
    }
}
