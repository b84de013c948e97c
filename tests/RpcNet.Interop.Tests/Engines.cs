using RpcNet.Transports;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Interop.Tests;

/// <summary>RpcNet's own engines by name.</summary>
internal static class Engines
{
    public const string Ngtcp2 = "Ngtcp2";
    public const string SystemNetQuic = "SystemNetQuic";

    /// <summary>Makes the transport, or skips the test where it cannot load.</summary>
    public static ITransport Create(string engine, Ngtcp2RetryPolicy retry = default)
    {
        var reason = engine == Ngtcp2 ? Ngtcp2Transport.UnsupportedReason : SystemNetQuicTransport.UnsupportedReason;
        Assert.SkipWhen(reason is not null, $"{engine} cannot load here: {reason}");
        return engine == Ngtcp2 ? new Ngtcp2Transport(new Ngtcp2TransportOptions { Retry = retry }) : new SystemNetQuicTransport();
    }
}
