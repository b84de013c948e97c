using Microsoft.Extensions.Logging;
using RpcNet.Transports;
using RpcNet.Transports.Ngtcp2;

namespace RpcNet.Hosting.Transports;

/// <summary>Chooses among the engines in the order of preference.</summary>
internal sealed class TransportFactory(IReadOnlyList<TransportCandidate> candidates) : IRpcTransportFactory
{
    /// <param name="resetKey">Gives the engine's secret for stateless resets; empty for a random one.</param>
    public TransportFactory(ILoggerFactory loggers, TimeProvider time, Func<ReadOnlyMemory<byte>> resetKey)
        : this(
        [
            new(RpcTransportEngine.SystemNetQuic, static () => SystemNetQuicTransport.UnsupportedReason, () => new SystemNetQuicTransport(loggers)),
            new(
                RpcTransportEngine.Ngtcp2,
                static () => OperatingSystem.IsLinux() ? Ngtcp2Transport.UnsupportedReason : "ngtcp2 needs Linux",
                () => new Ngtcp2Transport(new Ngtcp2TransportOptions { SecretKey = resetKey() }, loggers, time)),
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
                return candidate.Create();
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
internal sealed record TransportCandidate(RpcTransportEngine Engine, Func<string?> UnsupportedReason, Func<ITransport> Create);
