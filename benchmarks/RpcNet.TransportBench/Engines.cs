using RpcNet.Transports;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.TransportBench;

/// <summary>An engine under measurement; <paramref name="Reason"/> says why it cannot run here.</summary>
internal sealed record Engine(string Name, string? Version, string? Reason, Func<ITransport> Create);

internal static class Engines
{
    public static IEnumerable<Engine> All()
    {
        yield return new Engine(
            "Ngtcp2", Ngtcp2Transport.LibraryVersion, Ngtcp2Transport.UnsupportedReason, () => new Ngtcp2Transport());
    }
}
