namespace RpcNet.Testing.FaultProxy;

/// <summary>What a <see cref="UdpFaultProxy"/> does to the datagrams of one direction.</summary>
public sealed record UdpFaults
{
    /// <summary>Passes everything unharmed.</summary>
    public static UdpFaults None { get; } = new();

    /// <summary>Drops everything that cannot get through: every datagram vanishes.</summary>
    public bool Blackhole { get; init; }
}
