using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using RpcNet.Cluster;
using RpcNet.Hosting;
using RpcNet.Hosting.Certificates;
using RpcNet.Hosting.Clients;
using RpcNet.Hosting.Configuration;
using RpcNet.Hosting.Server;
using RpcNet.Hosting.Transports;
using RpcNet.Server;
using RpcNet.Transports;
using ServiceScope = RpcNet.Hosting.Server.ServiceScope;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds RpcNet to a host.</summary>
public static class RpcNetServiceCollectionExtensions
{
    /// <summary>Serves calls, configured by the section "RpcNet" of the host's configuration.</summary>
    /// <returns>A builder for what is served.</returns>
    public static IRpcNetBuilder AddRpcNet(this IServiceCollection services)
    {
        AddServer(services);
        return new RpcNetBuilder(services);
    }

    /// <summary>Serves calls, configured by a section.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="section">Bound to <see cref="RpcNetOptions"/>, usually <c>builder.Configuration.GetSection("RpcNet")</c>.</param>
    /// <returns>A builder for what is served.</returns>
    public static IRpcNetBuilder AddRpcNet(this IServiceCollection services, IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(section);
        AddServer(services).Section = section;
        return new RpcNetBuilder(services);
    }

    /// <summary>Serves calls, configured by code alone.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">Sets the options.</param>
    /// <returns>A builder for what is served.</returns>
    public static IRpcNetBuilder AddRpcNet(this IServiceCollection services, Action<RpcNetOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        var registration = AddServer(services);
        registration.CodeOnly = registration.Section is null;
        services.Configure(configure);
        return new RpcNetBuilder(services);
    }

    /// <summary>Adds a client of a contract, named like the contract's interface; a singleton.</summary>
    /// <remarks>
    /// Options not set here come from <c>RpcNet:Clients:&lt;name&gt;</c>. Nothing connects before the first call.
    /// </remarks>
    /// <typeparam name="TService">The contract.</typeparam>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">Sets the options, after the configuration.</param>
    /// <returns>The host's services.</returns>
    public static IServiceCollection AddRpcClient<TService>(
        this IServiceCollection services, Action<RpcClientOptions>? configure = null)
        where TService : class
    {
        var name = typeof(TService).Name;
        AddClient<TService>(services, name, configure);
        services.TryAddSingleton(provider => provider.GetRequiredService<ClientFactory>().Create<TService>(name));
        return services;
    }

    /// <summary>Adds a client of a contract that is resolved by its name: <c>[FromKeyedServices("name")]</c>.</summary>
    /// <typeparam name="TService">The contract.</typeparam>
    /// <param name="services">The host's services.</param>
    /// <param name="name">The service key, and the key below <c>RpcNet:Clients</c>.</param>
    /// <param name="configure">Sets the options, after the configuration.</param>
    /// <returns>The host's services.</returns>
    public static IServiceCollection AddRpcClient<TService>(
        this IServiceCollection services, string name, Action<RpcClientOptions>? configure = null)
        where TService : class
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        AddClient<TService>(services, name, configure);
        services.TryAddKeyedSingleton(name, (provider, _) => provider.GetRequiredService<ClientFactory>().Create<TService>(name));
        return services;
    }

    private static void AddClient<TService>(IServiceCollection services, string name, Action<RpcClientOptions>? configure)
        where TService : class
    {
        AddCore(services).Clients.Add(new ClientRegistration(name, typeof(TService)));
        if (configure is not null)
        {
            services.Configure(name, configure);
        }
    }

    /// <summary>What servers and clients share; the listener's service checks the settings of both at the start.</summary>
    private static RpcNetRegistration AddCore(IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (RpcNetRegistration.Find(services) is { } existing)
        {
            return existing;
        }

        var registration = new RpcNetRegistration();
        services.AddSingleton(registration);
        services.AddOptions();
        services.AddSingleton<RpcNetOptionsSetup>();
        services.AddSingleton<IConfigureOptions<RpcNetOptions>>(static p => p.GetRequiredService<RpcNetOptionsSetup>());
        services.AddSingleton<IValidateOptions<RpcNetOptions>>(static p => p.GetRequiredService<RpcNetOptionsSetup>());
        services.AddSingleton<IConfigureOptions<RpcClientOptions>>(static p => p.GetRequiredService<RpcNetOptionsSetup>());
        services.AddSingleton<IPostConfigureOptions<RpcClientOptions>>(static p => p.GetRequiredService<RpcNetOptionsSetup>());
        services.AddSingleton<IValidateOptions<RpcClientOptions>>(static p => p.GetRequiredService<RpcNetOptionsSetup>());
        services.AddSingleton<RpcNetSettings>();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IRpcTransportFactory>(static p => new TransportFactory(
            p.GetRequiredService<ILoggerFactory>(),
            p.GetRequiredService<TimeProvider>(),
            p.GetRequiredService<RpcNetSettings>().Options.Transport.Ngtcp2));
        services.TryAddSingleton(static p => p.GetRequiredService<IRpcTransportFactory>()
            .Create(p.GetRequiredService<RpcNetSettings>().Options.Transport.Engine));
        services.TryAddSingleton<IRpcCertificates, RpcCertificates>();
        services.TryAddSingleton<RpcNet.IRpcContextAccessor, RpcNet.RpcContextAccessor>();
        services.AddSingleton<RpcNetEndpoint>();
        services.AddSingleton<IRpcNetEndpoint>(static p => p.GetRequiredService<RpcNetEndpoint>());
        services.AddSingleton<ChannelPool>();
        services.AddSingleton<ClientFactory>();
        services.TryAddSingleton<IRpcChannelFactory>(static p => new ChannelFactory(
            p.GetRequiredService<ChannelPool>(),
            p.GetRequiredService<RpcNetRegistration>(),
            p.GetRequiredService<ITransport>(),
            p.GetRequiredService<ILoggerFactory>(),
            p.GetRequiredService<TimeProvider>()));
        services.AddSingleton(CreateServer);
        services.AddSingleton<IConnectionHandler>(static p => p.GetRequiredService<RpcServer>());
        services.AddSingleton<IHostedService>(static p => new ListenerService(
            new Lazy<ListenerParts>(() => new ListenerParts(
                p.GetRequiredService<RpcNetSettings>(),
                p.GetRequiredService<IRpcCertificates>(),
                p.GetRequiredService<ITransport>(),
                p.GetRequiredService<RpcServer>(),
                [.. p.GetServices<IConnectionHandler>()])),
            p.GetRequiredService<RpcNetRegistration>(),
            p.GetRequiredService<RpcNetEndpoint>(),
            p.GetRequiredService<IHostApplicationLifetime>(),
            p.GetRequiredService<ILoggerFactory>()));
        services.AddSingleton<IHostedService>(static p => new ReloadService(
            p.GetRequiredService<RpcNetRegistration>().ResolveSection(p),
            p.GetRequiredService<RpcNetRegistration>().HasCluster ? new Lazy<IClusterMembership>(p.GetRequiredService<IClusterMembership>) : null,
            p.GetRequiredService<ILoggerFactory>()));
        return registration;
    }

    private static RpcNetRegistration AddServer(IServiceCollection services)
    {
        var registration = AddCore(services);
        registration.HasServer = true;
        return registration;
    }

    private static RpcServer CreateServer(IServiceProvider provider)
    {
        var registration = provider.GetRequiredService<RpcNetRegistration>();
        var settings = provider.GetRequiredService<RpcNetSettings>().Options;
        var options = settings.Server;
        var scopes = provider.GetRequiredService<IServiceScopeFactory>();
        var map = new RpcServiceMap();
        foreach (var add in registration.Services)
        {
            add(map, provider);
        }

        var server = new RpcServer(
            map,
            new RpcServerOptions
            {
                Limits = options.Limits.ToLimits(),
                Compression = settings.Compression.ToCompression(),
                MaxConcurrentCalls = options.MaxConcurrentCalls,
                EnableDetailedErrors = options.EnableDetailedErrors,
                Serializers = registration.Serializers,
                Filters = registration.Filters,
                CreateScope = () => new ServiceScope(scopes.CreateAsyncScope()),
            },
            provider.GetRequiredService<ILoggerFactory>(),
            provider.GetRequiredService<TimeProvider>());
        foreach (var tell in registration.Served)
        {
            tell(server, provider);
        }

        return server;
    }
}
