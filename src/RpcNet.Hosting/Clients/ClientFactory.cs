using RpcNet.Hosting.Configuration;

namespace RpcNet.Hosting.Clients;

/// <summary>Makes a contract's client for its configured target.</summary>
internal sealed class ClientFactory(RpcNetSettings settings, ChannelPool channels)
{
    public TService Create<TService>(string name)
        where TService : class =>
        RpcContracts.Get<TService>().CreateClient(Invoker(settings.Clients[name]));

    private RpcInvoker Invoker(RpcClientOptions client) => channels.Get(client.Address!, client);
}
