using Microsoft.Extensions.Logging;
using RpcNet.Transports;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Hosting.Transports;

/// <summary>Chooses among the engines in the order of preference.</summary>
internal sealed class TransportFactory(IReadOnlyList<TransportCandidate> candidates) : IRpcTransportFactory
{
    public TransportFactory(ILoggerFactory loggers, TimeProvider time, RpcNetNgtcp2Options ngtcp2)
        : this(
        [
            new(RpcTransportEngine.SystemNetQuic, static () => SystemNetQuicTransport.UnsupportedReason, () => new SystemNetQuicTransport(loggers), [.. ngtcp2.Chosen()]),
            new(
                RpcTransportEngine.Ngtcp2,
                static () => OperatingSystem.IsLinux() ? Ngtcp2Transport.UnsupportedReason : "ngtcp2 needs Linux",
                () => new Ngtcp2Transport(ngtcp2.ToEngine(), loggers, time), []),
        ])
    {
    }

    public ITransport Create(RpcTransportEngine engine)
    {
        var reasons = new List<string>();
        foreach (var candidate in candidates.Where(c => engine == RpcTransportEngine.Auto || c.Engine == engine))
        {
            if (candidate.UnsupportedReason() is not { } reason)
            {
                return candidate.Impossible.Count == 0
                    ? candidate.Create()
                    : throw new RpcNetStartupException([.. candidate.Impossible.Select(setting =>
                        $"{RpcNetOptions.SectionName}:Transport:Ngtcp2:{setting}: the engine in use, {candidate.Engine}, cannot do this. "
                        + $"Set {RpcNetOptions.SectionName}:Transport:Engine to Ngtcp2, or take the setting out.")]);
            }

            reasons.Add($"{candidate.Engine}: {reason.TrimEnd('.')}");
        }

        throw new RpcNetStartupException(
            $"{RpcNetOptions.SectionName}:Transport:Engine = '{engine}': "
            + (reasons.Count > 1 ? "no QUIC engine can be loaded here; install one. " : "this QUIC engine cannot be loaded here. ")
            + $"{string.Join(". ", reasons)}.");
    }
}

/// <summary>An engine that may or may not run here.</summary>
/// <param name="Engine">Its name in the configuration.</param>
/// <param name="UnsupportedReason">Why it cannot run here and what to install; null when it can.</param>
/// <param name="Create">Makes it.</param>
/// <param name="Impossible">Settings that were chosen and that it cannot do.</param>
internal sealed record TransportCandidate(
    RpcTransportEngine Engine, Func<string?> UnsupportedReason, Func<ITransport> Create, IReadOnlyList<string> Impossible);
