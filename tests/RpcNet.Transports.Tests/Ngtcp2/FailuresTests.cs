using RpcNet.Transports.Ngtcp2.Internal;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Tests.Ngtcp2;

/// <summary>What a peer's close means, in the handshake and after it.</summary>
public sealed unsafe class FailuresTests
{
    [Theory]
    [InlineData(0x0, false, TransportError.ConnectionRefused)]
    [InlineData(0x2, false, TransportError.ConnectionRefused)]
    [InlineData(0xb, false, TransportError.ConnectionRefused)]
    [InlineData(0xc, false, TransportError.ConnectionRefused)]
    [InlineData(0x0, true, TransportError.ConnectionAborted)]
    [InlineData(0xc, true, TransportError.ConnectionAborted)]
    [InlineData(0x7, false, TransportError.ProtocolViolation)]
    [InlineData(0xb, true, TransportError.ProtocolViolation)]
    [InlineData(0x178, false, TransportError.ApplicationProtocolMismatch)]
    [InlineData(0x174, false, TransportError.AuthenticationFailed)]
    [InlineData(0x12a, false, TransportError.AuthenticationFailed)]
    [InlineData(0x150, false, TransportError.ProtocolViolation)]
    public void TransportClose_EachCode_HasItsMeaning(int code, bool established, TransportError expected)
    {
        var error = new NgConnectionCloseError { Type = 0, ErrorCode = (ulong)code };

        Assert.Equal(expected, Failures.FromPeerClose(&error, statelessReset: false, established).Error);
    }

    [Fact]
    public void ApplicationClose_BearsItsCode()
    {
        var error = new NgConnectionCloseError { Type = 1, ErrorCode = 77 };

        var failure = Failures.FromPeerClose(&error, statelessReset: false, established: true);

        Assert.Equal((TransportError.ConnectionAborted, 77L), (failure.Error, failure.ApplicationErrorCode));
    }

    [Theory]
    [InlineData(false, TransportError.ConnectionRefused)]
    [InlineData(true, TransportError.ConnectionAborted)]
    public void StatelessReset_BeforeAndAfterTheHandshake(bool established, TransportError expected)
    {
        var error = default(NgConnectionCloseError);

        Assert.Equal(expected, Failures.FromPeerClose(&error, statelessReset: true, established).Error);
    }
}
