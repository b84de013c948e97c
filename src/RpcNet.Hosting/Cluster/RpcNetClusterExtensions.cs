using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RpcNet.Cluster;
using RpcNet.Hosting;
using RpcNet.Hosting.Clients;
using RpcNet.Hosting.Cluster;
using RpcNet.Hosting.Configuration;
using RpcNet.Hosting.Transports;
using RpcNet.Server;
using RpcNet.Transports;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Makes a host a member of a cluster.</summary>
public static class RpcNetClusterExtensions
{
    /// <summary>
    /// Takes part in a cluster, on the port that serves calls. Gives the container <see cref="IClusterMembership"/> and
    /// <see cref="WorkerRegistry"/>.
    /// </summary>
    /// <remarks>
    /// Seeds that are down stop nothing: they are tried for ever. A stopping host says good-bye to the members first.
    /// An <see cref="ILoadBalancer"/> in the container (transient: each tag expression gets its own) takes the place of the
    /// configured strategy.
    /// </remarks>
    /// <param name="builder">The builder that AddRpcNet returned.</param>
    /// <param name="configure">Sets the options, after the configuration.</param>
    /// <returns>The builder.</returns>
    public static IRpcNetBuilder AddCluster(this IRpcNetBuilder builder, Action<ClusterOptions>? configure = null)
    {
        var registration = RpcNetBuilder.RegistrationOf(builder);
        if (configure is not null)
        {
            builder.Services.Configure<RpcNetOptions>(options => configure(options.Cluster));
        }

        if (registration.HasCluster)
        {
            return builder;
        }

        registration.HasCluster = true;
        builder.Services.AddSingleton<ClusterStatus>();
        builder.Services.AddSingleton(CreateNode);
        builder.Services.TryAddSingleton<IClusterMembership>(static p => p.GetRequiredService<ClusterNode>());
        builder.Services.AddSingleton<IConnectionHandler>(static p => new MemberConnectionHandler(
            p.GetRequiredService<ClusterNode>(), p.GetRequiredService<IRpcCertificates>(), p.GetRequiredService<ILoggerFactory>()));
        builder.Services.AddSingleton<IHostedService>(static p => new GossipService(
            new Lazy<RpcNetSettings>(p.GetRequiredService<RpcNetSettings>),
            new Lazy<ClusterNode>(p.GetRequiredService<ClusterNode>),
            p.GetRequiredService<RpcNetEndpoint>(),
            p.GetRequiredService<ClusterStatus>(),
            p.GetRequiredService<ILoggerFactory>()));
        builder.Services.AddSingleton(static p => new WorkerLoadReporter(
            p.GetRequiredService<RpcNetSettings>().Options.Cluster.Load, p.GetRequiredService<TimeProvider>()));
        registration.Services.Add(static (map, p) => p.GetRequiredService<WorkerLoadReporter>().AddTo(map));
        registration.Served.Add(static (server, p) => p.GetRequiredService<WorkerLoadReporter>().Attach(server));
        builder.Services.AddSingleton(static p => new WorkerChannelPool(
            p.GetRequiredService<ITransport>(),
            p.GetRequiredService<ChannelPool>().MemberOptions,
            p.GetRequiredService<RpcNetSettings>().Options.Cluster.Pool,
            p.GetRequiredService<ILoggerFactory>(),
            p.GetRequiredService<TimeProvider>()));
        builder.Services.TryAddSingleton(static p => new WorkerRegistry(
            p.GetRequiredService<IClusterMembership>(),
            WorkerOptions(p),
            p.GetRequiredService<WorkerChannelPool>(),
            p.GetRequiredService<ILoggerFactory>(),
            p.GetRequiredService<TimeProvider>()));
        builder.Services.AddSingleton<IHostedService>(static p => new RegistryService(new Lazy<WorkerRegistry>(p.GetRequiredService<WorkerRegistry>)));
        return builder;
    }

    /// <summary>
    /// Lets processes that are no members follow this one: it tells them the workers and their load, and they call the workers
    /// directly (<see cref="RpcClientOptions.Director"/>). Whoever may call this process may ask.
    /// </summary>
    /// <param name="builder">The builder that AddRpcNet returned; AddCluster has been called.</param>
    /// <param name="configure">Says what the clients' reports of failed workers count.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="InvalidOperationException">AddCluster has not been called.</exception>
    public static IRpcNetBuilder AddDirector(this IRpcNetBuilder builder, Action<DirectorServerOptions>? configure = null)
    {
        var registration = RpcNetBuilder.RegistrationOf(builder);
        if (!registration.HasCluster)
        {
            throw new InvalidOperationException("AddDirector needs AddCluster before it: a director is a member.");
        }

        var options = new DirectorServerOptions();
        configure?.Invoke(options);
        builder.Services.AddSingleton(p => new DirectorServer(p.GetRequiredService<WorkerRegistry>(), options));
        registration.Services.Add(static (map, p) => p.GetRequiredService<DirectorServer>().AddTo(map));
        registration.Served.Add(static (server, p) => p.GetRequiredService<DirectorServer>().Attach(server));
        return builder;
    }

    /// <summary>A balancer in the container is the strategy; it should be transient, since each tag expression has its own.</summary>
    private static WorkerRegistryOptions WorkerOptions(IServiceProvider provider)
    {
        var options = provider.GetRequiredService<RpcNetSettings>().Options.Cluster.Workers;
        if (provider.GetRequiredService<IServiceProviderIsService>().IsService(typeof(ILoadBalancer)))
        {
            options.CreateBalancer ??= provider.GetRequiredService<ILoadBalancer>;
        }

        return options;
    }

    private static ClusterNode CreateNode(IServiceProvider provider)
    {
        var options = provider.GetRequiredService<RpcNetSettings>().Options;
        var certificates = provider.GetRequiredService<IRpcCertificates>();
        options.Cluster.NodeId ??= NodeIds.ForListener(Environment.MachineName, ClusterOptions.ParseEndPoint(options.Listen.Address));
        return new ClusterNode(
            options.Cluster,
            provider.GetRequiredService<ITransport>(),
            peer => ConnectionSettings.Member(peer, ClusterProtocol.Alpn, options, certificates),
            provider.GetRequiredService<TimeProvider>(),
            random: null,
            provider.GetRequiredService<ILoggerFactory>());
    }
}
