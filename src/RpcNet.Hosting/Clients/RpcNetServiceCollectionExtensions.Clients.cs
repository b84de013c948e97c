using Microsoft.Extensions.DependencyInjection.Extensions;
using RpcNet.Hosting;
using RpcNet.Hosting.Clients;
using RpcNet.Hosting.Configuration;

namespace Microsoft.Extensions.DependencyInjection;

public static partial class RpcNetServiceCollectionExtensions
{
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
}
