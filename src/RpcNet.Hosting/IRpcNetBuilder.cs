using Microsoft.Extensions.DependencyInjection;

namespace RpcNet.Hosting;

/// <summary>Adds services, filters and the cluster to the RpcNet of a host.</summary>
public interface IRpcNetBuilder
{
    /// <summary>The host's services.</summary>
    IServiceCollection Services { get; }
}
