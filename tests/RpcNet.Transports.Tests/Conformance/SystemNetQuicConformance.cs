namespace RpcNet.Transports.Tests.Conformance;

public sealed class SystemNetQuicConformance : TransportConformance
{
    protected override string Engine => "SystemNetQuic";

    protected override string? UnsupportedReason => SystemNetQuicTransport.UnsupportedReason;

    protected override string? ProcessEngine => "SystemNetQuic";

    protected override ITransport CreateTransport() => new SystemNetQuicTransport();
}
