using System.Globalization;
using System.Net;
using RpcNet.Cluster;

namespace RpcNet.Hosting.Cluster;

/// <summary>Chooses a node's id where none is configured.</summary>
internal static class NodeIds
{
    /// <summary>
    /// "machine:port", the same after a restart without a file to keep it in; a random one where the system chooses the port.
    /// </summary>
    public static string? ForListener(string machine, EndPoint? listen)
    {
        var port = listen switch
        {
            IPEndPoint ip => ip.Port,
            DnsEndPoint name => name.Port,
            _ => 0,
        };
        if (port == 0)
        {
            return null;
        }

        var host = string.Concat(machine.Where(static c => c is > ' ' and <= '~'));
        var suffix = string.Create(CultureInfo.InvariantCulture, $":{port}");
        return string.Concat(host.AsSpan(0, Math.Min(host.Length, NodeId.MaxLength - suffix.Length)), suffix);
    }
}
