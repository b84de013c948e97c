using Microsoft.Extensions.DependencyInjection;
using RpcNet.Server;

namespace RpcNet.Hosting.Server;

/// <summary>The container's scope of one call.</summary>
internal sealed class ServiceScope(AsyncServiceScope scope) : IRpcServiceScope
{
    public IServiceProvider Services => scope.ServiceProvider;

    public ValueTask DisposeAsync() => scope.DisposeAsync();
}
