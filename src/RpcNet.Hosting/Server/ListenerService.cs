using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Cluster;
using RpcNet.Hosting.Configuration;
using RpcNet.Hosting.Transports;
using RpcNet.Server;
using RpcNet.Transports;

namespace RpcNet.Hosting.Server;

/// <summary>
/// Checks every setting before anything starts, then opens the port; drains and closes it at the end. First to start, last to stop.
/// </summary>
internal sealed class ListenerService(
    Lazy<ListenerParts> parts,
    RpcNetRegistration registration,
    RpcNetEndpoint endpoint,
    IHostApplicationLifetime lifetime,
    ILoggerFactory loggers) : IHostedLifecycleService, IAsyncDisposable
{
    private readonly ILogger _logger = loggers.CreateLogger(HostingLog.Category);
    private RpcListener? _listener;
    private Task _watching = Task.CompletedTask;
    private volatile bool _stopping;

    private string Address => parts.Value.Address;

    private string Setting => $"{parts.Value.Section}:Listen:Address = '{Address}'";

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        if (parts.Value.Name is null)
        {
            // Of all listeners, the process's own is the first to start and loads for the others.
            var serves = Address.Length > 0 || registration.Servers.Count > 0;
            await parts.Value.Certificates.LoadAsync(serves, registration.HasCluster, cancellationToken).ConfigureAwait(false);
            HostingLog.EngineSelected(_logger, parts.Value.Transport.Name);
            CheckClients(parts.Value.Settings, parts.Value.Transport);
        }
    }

    private static void CheckClients(RpcNetSettings settings, ITransport transport)
    {
        var impossible = settings.Clients.Where(client => client.Value.EarlyData && !transport.SupportsEarlyData).ToList();
        if (impossible.Count > 0)
        {
            throw new RpcNetStartupException([.. impossible.Select(client =>
                $"{settings.Section}:Clients:{client.Key}:EarlyData = 'True': the engine in use, {transport.Name}, cannot send early data (0-RTT). "
                + $"Set {settings.Section}:Transport:Engine to Ngtcp2, or take the setting out.")]);
        }
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (Address.Length == 0)
        {
            if (parts.Value.Listen.Address is { Length: > 0 } unused)
            {
                HostingLog.ListenAddressUnused(_logger, $"{parts.Value.Section}:Listen:Address", unused);
            }

            endpoint.NotListening();
            return;
        }

        try
        {
            await ListenAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            endpoint.Failed(e);
            throw;
        }
    }

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_listener is null)
        {
            return;
        }

        _stopping = true;
        var serving = parts.Value.Server;
        var drainTimeout = parts.Value.Serving.DrainTimeout;
        if (await serving.DrainAsync("the server is shutting down", drainTimeout, cancellationToken).ConfigureAwait(false))
        {
            HostingLog.Drained(_logger);
        }
        else
        {
            HostingLog.DrainTimedOut(_logger, serving.CallsInFlight, drainTimeout);
        }

        // The members' departure precedes the end of the port that it was announced through, in whatever order the host stops.
        await endpoint.MemberStopped.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _listener.DisposeAsync().ConfigureAwait(false);
        await _watching.ConfigureAwait(false);
        endpoint.Closed();
        HostingLog.ListenerClosed(_logger, _listener.LocalEndPoint);
    }

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        // After a start that another service's failure cut short, nobody calls StopAsync.
        _stopping = true;
        if (_listener is not null)
        {
            await _listener.DisposeAsync().ConfigureAwait(false);
            await _watching.ConfigureAwait(false);
        }
    }

    private async Task ListenAsync(CancellationToken cancellationToken)
    {
        var address = await ResolveAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            _listener = await RpcListener.StartAsync(
                parts.Value.Transport,
                address,
                ConnectionSettings.ServerTls(parts.Value.Certificates, parts.Value.Name),
                parts.Value.Handlers,
                defaults => ConnectionSettings.Listener(defaults, parts.Value.Listen, parts.Value.Serving, parts.Value.Settings.Options.Transport),
                loggers,
                cancellationToken).ConfigureAwait(false);
        }
        catch (TransportException e)
        {
            throw new RpcNetStartupException($"{Setting}: {Remedy(e)}", e);
        }

        HostingLog.Listening(_logger, _listener.LocalEndPoint, string.Join(" and ", parts.Value.Handlers.Select(static h => h.ApplicationProtocol)));
        _watching = WatchAsync(_listener);
        endpoint.Bound(_listener.LocalEndPoint);
    }

    private async Task<IPEndPoint> ResolveAsync(CancellationToken cancellationToken)
    {
        switch (ClusterOptions.ParseEndPoint(Address))
        {
            case IPEndPoint address:
                return address;
            case DnsEndPoint name:
                try
                {
                    var addresses = await Dns.GetHostAddressesAsync(name.Host, cancellationToken).ConfigureAwait(false);
                    return new IPEndPoint(addresses[0], name.Port);
                }
                catch (SocketException e)
                {
                    throw new RpcNetStartupException($"{Setting}: the name '{name.Host}' does not resolve ({e.Message}); correct it or use an address.", e);
                }

            default:
                throw new InvalidOperationException($"{Setting} was not validated.");
        }
    }

    private static string Remedy(TransportException e) => e.Error switch
    {
        TransportError.AddressInUse => "the UDP port is in use; stop the process that has it, or choose another port.",
        TransportError.AddressUnavailable =>
            $"the address does not belong to this machine or may not be bound ({e.Message.TrimEnd('.')}); use one of its own, or 0.0.0.0 for all.",
        _ => $"cannot listen ({e.Message.TrimEnd('.')}).",
    };

    private async Task WatchAsync(RpcListener listener)
    {
        try
        {
            await listener.Completion.ConfigureAwait(false);
        }
        catch (Exception e) when (!_stopping)
        {
            endpoint.Closed();
            HostingLog.ListenerFailed(_logger, listener.LocalEndPoint, e.Message, e);
            Environment.ExitCode = 1;
            lifetime.StopApplication();
        }
        catch (TransportException)
        {
            // The end that StopAsync asked for.
        }
    }
}

/// <summary>What the listener serves with; made when the host starts, so that a wrong setting is a failed start.</summary>
internal sealed record ListenerParts(
    RpcNetSettings Settings,
    IRpcCertificates Certificates,
    ITransport Transport,
    RpcServer Server,
    IReadOnlyList<IConnectionHandler> Handlers)
{
    /// <summary>The server's name; null for the process's own.</summary>
    public string? Name { get; init; }

    public RpcNetListenOptions Listen => Name is null ? Settings.Options.Listen : Settings.Options.Servers[Name].Listen;

    /// <summary>The address to listen at; empty in a process that only calls.</summary>
    public string Address => Name is null ? Settings.ListenAddress : Listen.Address;

    public RpcNetServerOptions Serving => Name is null ? Settings.Options.Server : Settings.Options.Servers[Name].Server;

    /// <summary>Where the server is configured, for messages.</summary>
    public string Section => Settings.SectionOf(Name);
}
