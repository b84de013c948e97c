using RpcNet.Hosting.Configuration;

namespace RpcNet.Hosting;

/// <summary>Where a process serves. Configuration section <c>RpcNet:Listen</c>.</summary>
public sealed class RpcNetListenOptions
{
    /// <summary>
    /// The UDP address to bind, one port for calls and gossip. Port 0 lets the system choose. A process without AddRpcNet, which only
    /// calls, does not listen, whatever is set.
    /// </summary>
    /// <value>
    /// "host:port" ("127.0.0.1:61000", "[::1]:61000", "0.0.0.0:61000" for all addresses); empty (the default) for a process that
    /// only calls.
    /// </value>
    public string Address { get; set; } = string.Empty;

    /// <summary>Connections whose handshake is complete and which are not yet served.</summary>
    /// <value>1 … 65,535; default 512.</value>
    [AllowedRange(1, 65_535)]
    public int Backlog { get; set; } = 512;
}
