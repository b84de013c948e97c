using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using RpcNet.Cluster;
using RpcNet.Hosting.Configuration;
using RpcNet.Transports;

namespace RpcNet.Hosting.Clients;

/// <summary>Makes a contract's client for its configured target.</summary>
internal sealed class ClientFactory(
    RpcNetSettings settings, ChannelPool channels, ITransport transport, IServiceProvider services, ILoggerFactory loggers, TimeProvider time)
    : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, RpcInvoker> _invokers = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<(DirectorClient Client, Task Starting)> _directors = [];
    private readonly List<WorkerChannelPool> _pools = [];
    private readonly CancellationTokenSource _stopping = new();
    private bool _disposed;

    public TService Create<TService>(string name)
        where TService : class =>
        RpcContracts.Get<TService>().CreateClient(Invoker(name));

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        await _stopping.CancelAsync().ConfigureAwait(false);
        foreach (var (client, starting) in _directors)
        {
            // Cancelled where no director has answered so far.
            await starting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await client.DisposeAsync().ConfigureAwait(false);
        }

        foreach (var pool in _pools)
        {
            await pool.DisposeAsync().ConfigureAwait(false);
        }

        _stopping.Dispose();
    }

    /// <summary>What makes the calls of all contracts that one client's name stands for.</summary>
    private RpcInvoker Invoker(string name)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_invokers.TryGetValue(name, out var invoker))
            {
                _invokers[name] = invoker = CreateInvoker(name, settings.Clients[name]);
            }

            return invoker;
        }
    }

    private RpcInvoker CreateInvoker(string name, RpcClientOptions client)
    {
        if (client.Address is { Length: > 0 } address)
        {
            return channels.Get(address, name, client);
        }

        client.Cluster.DefaultTimeout ??= client.DefaultTimeout;
        if (client.Director is not { Length: > 0 } director)
        {
            return OfMembers(name, client);
        }

        var following = new DirectorClient(
            transport,
            endPoint => channels.Options(endPoint, client, name),
            new DirectorClientOptions { Directors = [director], Calls = client.Cluster },
            loggers,
            time,
            configureDirector: endPoint => channels.Options(endPoint, client, name, isFiltered: false));
        _directors.Add((following, following.StartAsync(_stopping.Token)));
        return following;
    }

    private ClusterClient OfMembers(string name, RpcClientOptions client)
    {
        var registry = services.GetRequiredService<WorkerRegistry>();
        if (!client.HasConnectionsOfItsOwn)
        {
            return new ClusterClient(registry, client.Cluster, loggers);
        }

        var pool = new WorkerChannelPool(
            transport, endPoint => channels.Options(endPoint, client, name), settings.Options.Cluster.Pool, loggers, time);
        _pools.Add(pool);
        return new ClusterClient(registry, pool, client.Cluster, loggers);
    }
}
