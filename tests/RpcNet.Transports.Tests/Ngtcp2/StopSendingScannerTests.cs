using RpcNet.Transports.Ngtcp2.Internal;

namespace RpcNet.Transports.Tests.Ngtcp2;

public sealed class StopSendingScannerTests
{
    // STOP_SENDING for stream 4 with code 0x1234.
    private static readonly byte[] s_stop = [0x05, 0x04, 0x52, 0x34];

    [Theory]
    [InlineData("")]
    [InlineData("00 00 01")] // PADDING, PING
    [InlineData("02 05 40 20 01 03 01 02")] // ACK with two ranges
    [InlineData("03 05 00 00 03 01 02 03")] // ACK with ECN counts
    [InlineData("04 04 01 02")] // RESET_STREAM
    [InlineData("06 00 02 aa bb")] // CRYPTO
    [InlineData("07 02 aa bb")] // NEW_TOKEN
    [InlineData("0a 04 02 aa bb")] // STREAM with length
    [InlineData("0f 04 10 02 aa bb")] // STREAM with offset, length and FIN
    [InlineData("10 01 11 04 01 12 01 13 01 14 01 15 04 01 16 01 17 01")] // limits
    [InlineData("18 01 00 02 aa bb 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00")] // NEW_CONNECTION_ID
    [InlineData("19 01 1e")] // RETIRE_CONNECTION_ID, HANDSHAKE_DONE
    [InlineData("1a 00 00 00 00 00 00 00 00 1b 00 00 00 00 00 00 00 00")] // PATH_CHALLENGE, PATH_RESPONSE
    public void Scan_StopSendingAfterOtherFrames_IsFound(string before)
    {
        var found = new List<(long, long)>();

        StopSendingScanner.Scan([.. Bytes(before), .. s_stop, 0x00], found);

        Assert.Equal([(4L, 0x1234L)], found);
    }

    [Theory]
    [InlineData("05 04")] // truncated
    [InlineData("0c 04 10 05 04 01")] // STREAM without length: the rest is data
    [InlineData("0a 04 3f 05 04 01")] // a length beyond the packet
    [InlineData("18 01 00 ff 05 04 01")]
    [InlineData("1c 00 00 00")] // CONNECTION_CLOSE ends the scan
    [InlineData("ff 05 04 01")]
    public void Scan_MalformedOrOther_FindsNothing(string frames)
    {
        var found = new List<(long, long)>();

        StopSendingScanner.Scan(Bytes(frames), found);

        Assert.Empty(found);
    }

    [Fact]
    public void Scan_RandomBytes_NeverThrows()
    {
        var random = new Random(3);
        var bytes = new byte[64];
        for (var i = 0; i < 200_000; i++)
        {
            random.NextBytes(bytes);
            bytes[0] = (byte)(i & 0x1f);
            StopSendingScanner.Scan(bytes.AsSpan(0, random.Next(bytes.Length)), []);
        }
    }

    // What a peer can send decrypts to anything: the scan ends, stays within the packet and finds at most what fits into it.
    [Fact]
    public void Scan_MutatedFrames_FindsNoMoreThanFits()
    {
        var rounds = Environment.GetEnvironmentVariable("RPCNET_TESTS") == "all" ? 5_000_000 : 100_000;
        var random = new Random(4);
        var packet = Bytes(
            "02 05 40 20 01 03 01 02 05 04 52 34 04 04 01 02 06 00 02 aa bb 0f 04 10 02 aa bb 10 01 11 04 01 05 08 01 1e"
            + " 18 01 00 02 aa bb 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 1a 00 00 00 00 00 00 00 00 05 0c 02 00");
        var found = new List<(long, long)>();
        StopSendingScanner.Scan(packet, found);
        Assert.Equal(3, found.Count);
        for (var i = 0; i < rounds; i++)
        {
            var mutated = packet.ToArray();
            for (var j = random.Next(1, 5); j > 0; j--)
            {
                mutated[random.Next(mutated.Length)] = (byte)random.Next(256);
            }

            found.Clear();
            StopSendingScanner.Scan(mutated.AsSpan(0, random.Next(mutated.Length + 1)), found);

            // The shortest such frame has three bytes.
            Assert.InRange(found.Count, 0, mutated.Length / 3);
            Assert.All(found, f => Assert.True(f is { Item1: >= 0 and < 1L << 62, Item2: >= 0 and < 1L << 62 }));
        }
    }

    private static byte[] Bytes(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
}
