using Microsoft.Extensions.DependencyInjection;

namespace RpcNet.Hosting.Configuration;

internal sealed class RpcNetBuilder(IServiceCollection services, string? name) : IRpcNetBuilder
{
    public IServiceCollection Services { get; } = services;

    public string? Name { get; } = name;

    /// <summary>What has been gathered for the builder's server.</summary>
    /// <exception cref="ArgumentException">The builder is not one that AddRpcNet returned.</exception>
    public static ServerRegistration ServerOf(IRpcNetBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return RpcNetRegistration.Find(builder.Services)?.FindServer(builder.Name)
            ?? throw new ArgumentException("The builder's services have no such RpcNet; take the builder that AddRpcNet returns.", nameof(builder));
    }

    /// <summary>What has been gathered for the process, of which the builder is the own server's.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="method">The method that is being called, for the message.</param>
    /// <exception cref="ArgumentException">The builder is not one that AddRpcNet returned.</exception>
    /// <exception cref="InvalidOperationException">The builder is a further server's.</exception>
    public static RpcNetRegistration ProcessOf(IRpcNetBuilder builder, string method)
    {
        _ = ServerOf(builder);
        return builder.Name is null
            ? RpcNetRegistration.Find(builder.Services)!
            : throw new InvalidOperationException(
                $"{method} belongs to the process's own server: call it on AddRpcNet() without a name, not on the server '{builder.Name}'.");
    }
}
