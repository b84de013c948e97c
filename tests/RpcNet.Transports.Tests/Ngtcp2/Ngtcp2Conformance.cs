using RpcNet.Transports.Ngtcp2;
using RpcNet.Transports.Tests.Conformance;

namespace RpcNet.Transports.Tests.Ngtcp2;

public sealed class Ngtcp2Conformance : TransportConformance
{
    protected override string Engine => "Ngtcp2";

    protected override string? UnsupportedReason => Ngtcp2Transport.UnsupportedReason;

    protected override string? ProcessEngine => "Ngtcp2";

    protected override ITransport CreateTransport() => new Ngtcp2Transport();
}
