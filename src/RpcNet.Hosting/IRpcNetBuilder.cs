using Microsoft.Extensions.DependencyInjection;

namespace RpcNet.Hosting;

/// <summary>Adds services, filters and the cluster to an RpcNet server of a host.</summary>
public interface IRpcNetBuilder
{
    /// <summary>The host's services.</summary>
    IServiceCollection Services { get; }

    /// <summary>The server's name; null for the process's own, which AddRpcNet without a name gives.</summary>
    string? Name { get; }
}
