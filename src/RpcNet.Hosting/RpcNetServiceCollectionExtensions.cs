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
public static partial class RpcNetServiceCollectionExtensions
{
    /// <summary>Serves calls, configured by the section "RpcNet" of the host's configuration.</summary>
    /// <returns>A builder for what is served.</returns>
    public static IRpcNetBuilder AddRpcNet(this IServiceCollection services)
    {
        AddServer(services);
        return new RpcNetBuilder(services, name: null);
    }

    /// <summary>Serves calls, configured by a section.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="section">Bound to <see cref="RpcNetOptions"/>, usually <c>builder.Configuration.GetSection("RpcNet")</c>.</param>
    /// <returns>A builder for what is served.</returns>
    public static IRpcNetBuilder AddRpcNet(this IServiceCollection services, IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(section);
        AddServer(services).Section = section;
        return new RpcNetBuilder(services, name: null);
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
        return new RpcNetBuilder(services, name: null);
    }

    /// <summary>
    /// Adds a further server with a port, services, filters and certificates of its own, configured by <c>RpcNet:Servers:&lt;name&gt;</c>.
    /// </summary>
    /// <remarks>
    /// Its <see cref="IRpcNetEndpoint"/> and <see cref="RpcServer"/> are resolved by the name: <c>[FromKeyedServices("name")]</c>.
    /// </remarks>
    /// <param name="services">The host's services.</param>
    /// <param name="name">The server's name.</param>
    /// <returns>A builder for what it serves.</returns>
    public static IRpcNetBuilder AddRpcNet(this IServiceCollection services, string name) => AddNamed(services, name, static _ => { });

    /// <summary>Adds a further server, as <see cref="AddRpcNet(IServiceCollection, string)"/> does, configured by a section.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="name">The server's name.</param>
    /// <param name="section">Bound to <see cref="RpcNetNamedServerOptions"/> instead of <c>RpcNet:Servers:&lt;name&gt;</c>.</param>
    /// <returns>A builder for what it serves.</returns>
    public static IRpcNetBuilder AddRpcNet(this IServiceCollection services, string name, IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(section);
        return AddNamed(services, name, registration => registration.Section = section);
    }

    /// <summary>Adds a further server, as <see cref="AddRpcNet(IServiceCollection, string)"/> does, and sets its options.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="name">The server's name.</param>
    /// <param name="configure">Sets the options, after the configuration.</param>
    /// <returns>A builder for what it serves.</returns>
    public static IRpcNetBuilder AddRpcNet(this IServiceCollection services, string name, Action<RpcNetNamedServerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return AddNamed(services, name, registration => registration.Configure.Add(configure));
    }

    private static RpcNetBuilder AddNamed(IServiceCollection services, string name, Action<ServerRegistration> configure)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        var process = AddCore(services);
        if (!process.Servers.TryGetValue(name, out var registration))
        {
            process.Servers[name] = registration = new ServerRegistration(name);
            AddServer(services, registration);
        }

        configure(registration);
        return new RpcNetBuilder(services, registration.Name);
    }

    /// <summary>What a further server has of its own.</summary>
    private static void AddServer(IServiceCollection services, ServerRegistration registration)
    {
        var name = registration.Name!;
        services.AddKeyedSingleton(name, (p, _) => CreateServer(p, registration, p.GetRequiredService<RpcNetSettings>().Options.Servers[name].Server));
        services.AddKeyedSingleton<RpcNetEndpoint>(name);
        services.AddKeyedSingleton<IRpcNetEndpoint>(name, static (p, key) => p.GetRequiredKeyedService<RpcNetEndpoint>(key));
        services.AddSingleton<IHostedService>(p => new ListenerService(
            new Lazy<ListenerParts>(() => new ListenerParts(
                p.GetRequiredService<RpcNetSettings>(),
                p.GetRequiredService<IRpcCertificates>(),
                p.GetRequiredService<ITransport>(),
                p.GetRequiredKeyedService<RpcServer>(name),
                [p.GetRequiredKeyedService<RpcServer>(name)])
            {
                Name = name,
            }),
            p.GetRequiredService<RpcNetRegistration>(),
            p.GetRequiredKeyedService<RpcNetEndpoint>(name),
            p.GetRequiredService<IHostApplicationLifetime>(),
            p.GetRequiredService<ILoggerFactory>()));
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
        services.AddSingleton(static p => new RpcNetSettings(
            () => p.GetRequiredService<IOptions<RpcNetOptions>>().Value,
            p.GetRequiredService<IOptionsMonitor<RpcClientOptions>>().Get,
            p.GetRequiredService<RpcNetRegistration>(),
            p.GetRequiredService<RpcNetOptionsSetup>().SectionPath));
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IRpcTransportFactory>(static p => new TransportFactory(
            p.GetRequiredService<ILoggerFactory>(),
            p.GetRequiredService<TimeProvider>(),
            p.GetRequiredService<RpcNetSettings>().Options.Transport.Ngtcp2,
            () => new ResetKeyFile(
                p.GetRequiredService<RpcNetSettings>(), p.GetRequiredService<IHostEnvironment>(), p.GetRequiredService<ILoggerFactory>()).Load()));
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
        services.AddSingleton(static p => CreateServer(
            p, p.GetRequiredService<RpcNetRegistration>().Server, p.GetRequiredService<RpcNetSettings>().Options.Server));
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
            p.GetRequiredService<RpcNetRegistration>(),
            new ReloadTargets(p),
            p.GetRequiredService<ILoggerFactory>()));
        return registration;
    }

    private static RpcNetRegistration AddServer(IServiceCollection services)
    {
        var registration = AddCore(services);
        registration.HasServer = true;
        return registration;
    }

    private static RpcServer CreateServer(IServiceProvider provider, ServerRegistration registration, RpcNetServerOptions options)
    {
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
                Compression = provider.GetRequiredService<RpcNetSettings>().Options.Compression.ToCompression(),
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
