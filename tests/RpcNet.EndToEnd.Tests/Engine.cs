using RpcNet.Transports;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.EndToEnd.Tests;

/// <summary>Skips, visibly, where no QUIC engine can be loaded.</summary>
internal static class Engine
{
    public static void Require() => Assert.SkipUnless(
        SystemNetQuicTransport.IsSupported || Ngtcp2Transport.IsSupported,
        "No QUIC engine can be loaded on this machine.");
}
