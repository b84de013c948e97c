using Microsoft.Extensions.Configuration;
using RpcNet.Server;

namespace RpcNet.Hosting.Configuration;

/// <summary>What one server of a process serves; complete when the host is built.</summary>
internal sealed class ServerRegistration(string? name)
{
    /// <summary>Null for the process's own.</summary>
    public string? Name { get; } = name;

    /// <summary>The section that configures a further server instead of RpcNet:Servers:&lt;name&gt;.</summary>
    public IConfiguration? Section { get; set; }

    /// <summary>What code sets on a further server, after the configuration.</summary>
    public List<Action<RpcNetNamedServerOptions>> Configure { get; } = [];

    /// <summary>Whether the application serves anything of its own.</summary>
    public bool HasServices { get; private set; }

    /// <summary>What is served.</summary>
    public List<Action<RpcServiceMap, IServiceProvider>> Services { get; } = [];

    /// <summary>Told of the server once it is made.</summary>
    public List<Action<RpcServer, IServiceProvider>> Served { get; } = [];

    public List<IRpcFilter> Filters { get; } = [];

    public List<IRpcSerializer> Serializers { get; } = [Serialization.MessagePackRpcSerializer.Default];

    public void AddService(Action<RpcServiceMap> add)
    {
        HasServices = true;
        Services.Add((map, _) => add(map));
    }
}
