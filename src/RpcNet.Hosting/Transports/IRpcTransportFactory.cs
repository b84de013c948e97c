using RpcNet.Transports;

namespace RpcNet.Hosting;

/// <summary>Makes the QUIC engine that RpcNet:Transport:Engine names.</summary>
/// <remarks>
/// Register another before AddRpcNet to bring further engines, or register an <see cref="ITransport"/> to use exactly that.
/// </remarks>
public interface IRpcTransportFactory
{
    /// <summary>Makes the engine.</summary>
    /// <exception cref="RpcNetStartupException">It cannot load here; the message names what to install.</exception>
    ITransport Create(RpcTransportEngine engine);
}
