using Microsoft.Extensions.Logging;
using RpcNet.Client;
using RpcNet.Cluster;
using RpcNet.Hosting.Configuration;
using RpcNet.Transports;

namespace RpcNet.Hosting.Clients;

internal sealed class ChannelFactory(
    ChannelPool pool, RpcNetRegistration registration, ITransport transport, ILoggerFactory loggers, TimeProvider time) : IRpcChannelFactory
{
    public RpcChannel Create(string address, Action<RpcClientOptions>? configure = null)
    {
        var endPoint = ClusterOptions.ParseEndPoint(address)
            ?? throw new FormatException($"The address '{address}' is not of the form \"host:port\".");
        var options = new RpcClientOptions();
        configure?.Invoke(options);
        options.Address = address;
        var complaints = RpcNetOptionsRules.Check(options, address, registration, RpcNetOptions.SectionName);
        if (options.Certificate.HasAny)
        {
            throw new ArgumentException("Certificate: certificates are read when the host starts; add a client with AddRpcClient for one of its own.", nameof(configure));
        }

        return complaints.Count == 0
            ? new RpcChannel(transport, pool.Options(endPoint, options), loggers, time)
            : throw new ArgumentException(string.Join(Environment.NewLine, complaints), nameof(configure));
    }
}
