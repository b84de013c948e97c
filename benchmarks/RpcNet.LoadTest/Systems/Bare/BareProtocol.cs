using System.Net.Security;
using RpcNet.Transports;

namespace RpcNet.LoadTest.Systems;

/// <summary>What the bare loop does on a stream, told by the stream's first byte.</summary>
internal static class BareProtocol
{
    /// <summary>The server writes back what it reads.</summary>
    public const byte Echo = 1;

    /// <summary>The server writes until it is stopped; the rate in bytes/s follows as eight bytes, 0 for none.</summary>
    public const byte Source = 2;

    /// <summary>The header that RpcNet puts before a payload: the loop moves the same bytes.</summary>
    public const int HeaderBytes = 16;

    public const int BufferBytes = 64 * 1024;

    public static readonly SslApplicationProtocol Alpn = new("bare-loop");

    /// <summary>Reads exactly as many bytes; false at the stream's end.</summary>
    public static async ValueTask<bool> ReadExactlyAsync(ITransportStream stream, Memory<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            var read = await stream.ReadAsync(buffer);
            if (read == 0)
            {
                return false;
            }

            buffer = buffer[read..];
        }

        return true;
    }
}
