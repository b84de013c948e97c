using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Transports.Tests.Conformance;

/// <summary>An Ngtcp2 client and a System.Net.Quic server: two QUIC stacks that share no code.</summary>
public sealed class Ngtcp2ToSystemNetQuicConformance : TransportConformance
{
    private bool _serverMade;

    protected override string Engine => "Ngtcp2 to SystemNetQuic";

    protected override string? UnsupportedReason => Ngtcp2Transport.UnsupportedReason ?? SystemNetQuicTransport.UnsupportedReason;

    protected override string? ProcessEngine => "SystemNetQuic";

    protected override ITransport CreateTransport()
    {
        var isServer = !_serverMade;
        _serverMade = true;
        return isServer ? new SystemNetQuicTransport() : new Ngtcp2Transport();
    }

    // System.Net.Quic refuses before TLS has begun, so that no alert tells the client what it is about.
    protected override TransportError[] RefusalForWantOfAnIdentity =>
        [TransportError.AuthenticationFailed, TransportError.ConnectionRefused, TransportError.ProtocolViolation];
}

/// <summary>A System.Net.Quic client and an Ngtcp2 server.</summary>
public sealed class SystemNetQuicToNgtcp2Conformance : TransportConformance
{
    private bool _serverMade;

    protected override string Engine => "SystemNetQuic to Ngtcp2";

    protected override string? UnsupportedReason => Ngtcp2Transport.UnsupportedReason ?? SystemNetQuicTransport.UnsupportedReason;

    protected override string? ProcessEngine => "Ngtcp2";

    protected override ITransport CreateTransport()
    {
        var isServer = !_serverMade;
        _serverMade = true;
        return isServer ? new Ngtcp2Transport() : new SystemNetQuicTransport();
    }
}
