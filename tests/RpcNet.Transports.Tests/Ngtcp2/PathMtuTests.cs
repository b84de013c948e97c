using System.Net;
using RpcNet.Transports.Ngtcp2;
using RpcNet.Transports.Ngtcp2.Internal;

namespace RpcNet.Transports.Tests.Ngtcp2;

public sealed class PathMtuTests
{
    [Theory]
    [InlineData(1200, new int[0])]
    [InlineData(1300, new[] { 1300 })]
    [InlineData(1452, new[] { 1360, 1452 })]
    [InlineData(16384, new[] { 1360, 1452, 4048, 8952, 16384 })]
    public unsafe void Probes_UpToALimit_RiseToExactlyThat(int max, int[] expected)
    {
        var probes = PathMtu.Probes(max, out var count);

        Assert.Equal(expected, new Span<ushort>(probes, count).ToArray().Select(static p => (int)p));
    }

    [Theory]
    [InlineData(0, "127.0.0.1", 16384)]
    [InlineData(0, "::1", 16384)]
    [InlineData(0, "::ffff:127.0.0.1", 16384)]
    [InlineData(0, "10.0.0.1", 1452)]
    [InlineData(8952, "10.0.0.1", 8952)]
    [InlineData(1452, "127.0.0.1", 1452)]
    public void MaxUdpPayloadSize_ByPeer_IsLargeOnlyWithinTheMachineOrWhereAsked(int option, string peer, int expected) =>
        Assert.Equal(expected, new Ngtcp2TransportOptions { MaxUdpPayloadSize = option }.MaxUdpPayloadSizeTo(IPAddress.Parse(peer)));
}
