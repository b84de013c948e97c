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
    private readonly List<(DirectorClient Client, Task Starting)> _directors = [];
    private readonly CancellationTokenSource _stopping = new();

    public TService Create<TService>(string name)
        where TService : class =>
        RpcContracts.Get<TService>().CreateClient(Invoker(settings.Clients[name]));

    public async ValueTask DisposeAsync()
    {
        (DirectorClient Client, Task Starting)[] directors;
        lock (_gate)
        {
            directors = [.. _directors];
            _directors.Clear();
        }

        await _stopping.CancelAsync().ConfigureAwait(false);
        foreach (var (client, starting) in directors)
        {
            // Cancelled where no director has answered so far.
            await starting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await client.DisposeAsync().ConfigureAwait(false);
        }

        _stopping.Dispose();
    }

    private RpcInvoker Invoker(RpcClientOptions client)
    {
        if (client.Address is { Length: > 0 } address)
        {
            return channels.Get(address, client);
        }

        client.Cluster.DefaultTimeout ??= client.DefaultTimeout;
        if (client.Director is not { Length: > 0 } director)
        {
            return new ClusterClient(services.GetRequiredService<WorkerRegistry>(), client.Cluster, loggers);
        }

        var following = new DirectorClient(
            transport,
            endPoint => channels.Options(endPoint, client),
            new DirectorClientOptions { Directors = [director], Calls = client.Cluster },
            loggers,
            time);
        lock (_gate)
        {
            _directors.Add((following, following.StartAsync(_stopping.Token)));
        }

        return following;
    }
}
