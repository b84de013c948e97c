using RpcNet.Transports;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.TransportBench;

/// <summary>An engine under measurement.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Version">The native library's version, if known.</param>
/// <param name="Reason">Why it cannot run here.</param>
/// <param name="Create">Makes it.</param>
/// <param name="CreateFull">Makes it so that it resumes nothing; null where it never does.</param>
internal sealed record Engine(
    string Name, string? Version, string? Reason, Func<ITransport> Create, Func<ITransport>? CreateFull = null);

internal static class Engines
{
    public static IEnumerable<Engine> All()
    {
        yield return new Engine(
            "Ngtcp2", Ngtcp2Transport.LibraryVersion, Ngtcp2Transport.UnsupportedReason, () => new Ngtcp2Transport(),
            () => new Ngtcp2Transport(new Ngtcp2TransportOptions { ResumptionCacheSize = 0 }));
        yield return new Engine(
            "SystemNetQuic", null, SystemNetQuicTransport.UnsupportedReason, () => new SystemNetQuicTransport());
    }
}
