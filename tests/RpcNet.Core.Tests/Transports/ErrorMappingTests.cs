using System.Net;
using System.Net.Quic;
using System.Runtime.Versioning;
using RpcNet.Transports;
using RpcNet.Transports.SystemNetQuic;

namespace RpcNet.Core.Tests.Transports;

[SupportedOSPlatform("linux")]
[SupportedOSPlatform("macos")]
[SupportedOSPlatform("windows")]
public sealed class ErrorMappingTests
{
    private static readonly IPEndPoint s_peer = new(IPAddress.Loopback, 1);

    // A peer that dies with packets to acknowledge ends the connection as a time-out, whatever System.Net.Quic calls it.
    [Theory]
    [InlineData(QuicError.ConnectionTimeout)]
    [InlineData(QuicError.ConnectionIdle)]
    public void Silence_BeforeAndAfterTheHandshake_HasItsOwnError(QuicError error)
    {
        var silence = new QuicException(error, applicationErrorCode: null, "silent");

        Assert.Equal(TransportError.HandshakeTimeout, ErrorMapping.OfConnect(silence, s_peer, rejection: null).Error);
        Assert.Equal(TransportError.ConnectionIdle, ErrorMapping.OfConnection(silence, s_peer).Error);
        Assert.Equal(TransportError.ConnectionIdle, ErrorMapping.OfStream(silence, streamId: 0).Error);
    }
}
