using System.Net.Security;

namespace RpcNet;

/// <summary>Constants of the wire protocol rpcnet/1 (docs/wire-protocol.md).</summary>
public static class RpcProtocol
{
    /// <summary>The ALPN of calls.</summary>
    public static SslApplicationProtocol Alpn { get; } = new("rpcnet/1");
}
