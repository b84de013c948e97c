using RpcNet.Transports.Ngtcp2.Internal;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Tests.Ngtcp2;

public sealed unsafe class SendBufferTests
{
    [Fact]
    public void SendBuffer_RandomWritesSendsAndAcks_KeepsOrderAndAddress()
    {
        var random = new Random(5);
        var pool = new ChunkPool();
        var buffer = default(SendBuffer);
        var written = new List<byte>();
        var sent = new List<(nint Address, byte Value)>();
        long acknowledged = 0;
        var vectors = new NgVec[4];
        for (var i = 0; i < 5_000; i++)
        {
            var data = new byte[random.Next(1, 3 * Chunk.Size)];
            random.NextBytes(data);
            buffer.Append(data, pool);
            written.AddRange(data);
            while (random.Next(5) != 0 && buffer.HasUnsent)
            {
                var count = buffer.Gather(vectors, random.Next(1, 2 * Chunk.Size), out var all);
                var bytes = 0;
                foreach (var vector in vectors.AsSpan(0, count))
                {
                    for (var at = 0; at < (int)vector.Len; at++)
                    {
                        sent.Add(((nint)(vector.Base + at), vector.Base[at]));
                    }

                    bytes += (int)vector.Len;
                }

                Assert.Equal(all, bytes == buffer.Written - buffer.Sent);
                buffer.MarkSent(bytes);
            }

            // What is not acknowledged must still stand where libngtcp2 was told it stands.
            foreach (var (address, value) in sent)
            {
                Assert.Equal(value, *(byte*)address);
            }

            var ack = random.Next(sent.Count + 1);
            Assert.Equal(written[(int)acknowledged..(int)(acknowledged + ack)], sent.Take(ack).Select(s => s.Value));
            buffer.Acknowledge(ack, pool);
            sent.RemoveRange(0, ack);
            acknowledged += ack;
            Assert.Equal(acknowledged, buffer.Acknowledged);
            if (i > 40)
            {
                break;
            }
        }
    }
}
