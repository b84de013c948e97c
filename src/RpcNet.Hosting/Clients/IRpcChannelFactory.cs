using RpcNet.Client;

namespace RpcNet.Hosting;

/// <summary>Makes channels to addresses that become known only at run time, with the host's certificates and engine.</summary>
/// <remarks>All members may be called concurrently, once the host has started.</remarks>
public interface IRpcChannelFactory
{
    /// <summary>Makes a channel; nothing connects yet. The caller disposes it.</summary>
    /// <param name="address">"host:port".</param>
    /// <param name="configure">Sets further options; the target is <paramref name="address"/> alone.</param>
    /// <exception cref="FormatException">The address is not of the form "host:port".</exception>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    RpcChannel Create(string address, Action<RpcClientOptions>? configure = null);
}
