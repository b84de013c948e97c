using System.Net.Security;

namespace RpcNet.Cluster;

/// <summary>Constants of the gossip protocol.</summary>
public static class ClusterProtocol
{
    /// <summary>The ALPN of gossip connections.</summary>
    public static readonly SslApplicationProtocol Alpn = new("rpcnet-cluster/1");

    /// <summary>The lowest protocol version that this build speaks.</summary>
    public const byte MinVersion = 1;

    /// <summary>The highest protocol version that this build speaks.</summary>
    public const byte MaxVersion = 1;
}
