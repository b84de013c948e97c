using System.Globalization;
using System.Net;
using RpcNet.Cluster;

namespace RpcNet.Hosting.Cluster;

/// <summary>Chooses a node's id where none is configured.</summary>
internal static class NodeIds
{
    /// <summary>
    /// "address:port", or "machine:port" where the address is shared by many machines (all addresses, loopback, a name): the same
    /// after a restart without a file to keep it in. Null, so that the node takes a random one, where the system chooses the port.
    /// </summary>
    public static string? ForListener(string machine, EndPoint? listen) => listen switch
    {
        null or IPEndPoint { Port: 0 } or DnsEndPoint { Port: 0 } => null,
        IPEndPoint { Address: var address } ip when !IsShared(address) => ip.ToString(),
        IPEndPoint ip => ForMachine(machine, ip.Port),
        DnsEndPoint name => ForMachine(machine, name.Port),
        _ => null,
    };

    private static bool IsShared(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)
        || address.Equals(IPAddress.Loopback) || address.Equals(IPAddress.IPv6Loopback);

    private static string ForMachine(string machine, int port)
    {
        var host = string.Concat(machine.Where(static c => c is > ' ' and <= '~'));
        var suffix = string.Create(CultureInfo.InvariantCulture, $":{port}");
        return string.Concat(host.AsSpan(0, Math.Min(host.Length, NodeId.MaxLength - suffix.Length)), suffix);
    }
}
