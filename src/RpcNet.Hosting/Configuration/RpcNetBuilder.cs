using Microsoft.Extensions.DependencyInjection;

namespace RpcNet.Hosting.Configuration;

internal sealed class RpcNetBuilder(IServiceCollection services) : IRpcNetBuilder
{
    public IServiceCollection Services { get; } = services;

    /// <exception cref="ArgumentException">The builder is not the one that AddRpcNet returned.</exception>
    public static RpcNetRegistration RegistrationOf(IRpcNetBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return RpcNetRegistration.Find(builder.Services)
            ?? throw new ArgumentException("The builder's services have no RpcNet; take the one that AddRpcNet returns.", nameof(builder));
    }
}
