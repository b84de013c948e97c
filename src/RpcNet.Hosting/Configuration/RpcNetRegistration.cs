using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace RpcNet.Hosting.Configuration;

/// <summary>What the application's calls to AddRpcNet and the like have gathered; complete when the host is built.</summary>
internal sealed class RpcNetRegistration
{
    /// <summary>The section to bind; null takes "RpcNet" of the host's configuration unless <see cref="CodeOnly"/>.</summary>
    public IConfiguration? Section { get; set; }

    public bool CodeOnly { get; set; }

    /// <summary>Whether this process serves: AddRpcNet was called, not only AddRpcClient.</summary>
    public bool HasServer { get; set; }

    public bool HasCluster { get; set; }

    /// <summary>The process's own server, beside which the cluster runs.</summary>
    public ServerRegistration Server { get; } = new(name: null);

    /// <summary>Further servers, by their names.</summary>
    public Dictionary<string, ServerRegistration> Servers { get; } = new(StringComparer.OrdinalIgnoreCase);

    public List<ClientRegistration> Clients { get; } = [];

    /// <summary>The one of this collection, added with the first call.</summary>
    public static RpcNetRegistration? Find(IServiceCollection services) =>
        (RpcNetRegistration?)services.FirstOrDefault(static d => d.ServiceType == typeof(RpcNetRegistration))?.ImplementationInstance;

    public ServerRegistration? FindServer(string? name) => name is null ? Server : Servers.GetValueOrDefault(name);

    public IConfiguration? ResolveSection(IServiceProvider services) =>
        Section ?? (CodeOnly ? null : services.GetService<IConfiguration>()?.GetSection(RpcNetOptions.SectionName));
}

/// <summary>One AddRpcClient.</summary>
/// <param name="Name">The client's name: the options' name and the key below RpcNet:Clients.</param>
/// <param name="ServiceType">The contract.</param>
internal sealed record ClientRegistration(string Name, Type ServiceType);
