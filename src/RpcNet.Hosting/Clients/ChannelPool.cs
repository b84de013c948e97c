using System.Net;
using Microsoft.Extensions.Logging;
using RpcNet.Client;
using RpcNet.Cluster;
using RpcNet.Hosting.Configuration;
using RpcNet.Transports;

namespace RpcNet.Hosting.Clients;

/// <summary>One channel for all clients that call the same server in the same way.</summary>
internal sealed class ChannelPool(
    RpcNetSettings settings, IRpcCertificates certificates, ITransport transport, IServiceProvider services, ILoggerFactory loggers, TimeProvider time) : IAsyncDisposable
{
    private readonly RpcClientOptions _members = new() { Connections = settings.Options.Cluster.Pool.Connections };

    private readonly Lock _gate = new();
    private readonly Dictionary<ChannelKey, RpcChannel> _shared = [];
    private readonly List<RpcChannel> _channels = [];
    private bool _disposed;

    /// <summary>The channel to <paramref name="address"/>; shared unless the client has filters of its own.</summary>
    public RpcChannel Get(string address, RpcClientOptions client)
    {
        var key = new ChannelKey(
            address, client.TargetHost, client.Connections, client.ConnectTimeout, client.MaxReconnectDelay, client.DefaultTimeout, client.GetSerializer());
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (client.Filters.Count == 0 && _shared.TryGetValue(key, out var shared))
            {
                return shared;
            }

            var channel = new RpcChannel(transport, Options(ClusterOptions.ParseEndPoint(address)!, client), loggers, time);
            _channels.Add(channel);
            if (client.Filters.Count == 0)
            {
                _shared[key] = channel;
            }

            return channel;
        }
    }

    /// <summary>How a channel of this client reaches a server.</summary>
    public RpcChannelOptions Options(EndPoint endPoint, RpcClientOptions client) => new()
    {
        EndPoint = endPoint,
        Tls = new TlsClientOptions
        {
            TargetHost = string.IsNullOrEmpty(client.TargetHost) ? null : client.TargetHost,
            SelectIdentity = () => certificates.ClientIdentity,
            ValidateServer = certificates.ValidateServer,
        },
        Limits = settings.Options.Server.Limits.ToLimits(),
        Compression = settings.Options.Compression.ToCompression(),
        Connections = client.Connections,
        ConnectTimeout = client.ConnectTimeout,
        IdleTimeout = settings.Options.Transport.IdleTimeout,
        KeepAliveInterval = settings.Options.Transport.KeepAliveInterval,
        MaxReconnectDelay = client.MaxReconnectDelay,
        DefaultTimeout = client.DefaultTimeout,
        Serializer = client.GetSerializer(),
        Filters = [.. client.Filters.Select(make => make(services))],
        Services = services,
    };

    /// <summary>How the registry's channels reach a member.</summary>
    public RpcChannelOptions MemberOptions(EndPoint endPoint) => Options(endPoint, _members);

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        foreach (var channel in _channels)
        {
            await channel.DisposeAsync().ConfigureAwait(false);
        }
    }

    private sealed record ChannelKey(
        string Address,
        string? TargetHost,
        int Connections,
        TimeSpan ConnectTimeout,
        TimeSpan MaxReconnectDelay,
        TimeSpan? DefaultTimeout,
        IRpcSerializer Serializer);
}
