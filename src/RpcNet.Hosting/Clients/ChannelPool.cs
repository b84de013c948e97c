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

    /// <summary>The channel to <paramref name="address"/>; shared unless the client has filters or certificates of its own.</summary>
    public RpcChannel Get(string address, string name, RpcClientOptions client)
    {
        var isShared = client.Filters.Count == 0 && !client.Certificate.HasAny;
        var key = new ChannelKey(
            address, client.TargetHost, client.Connections, client.ConnectTimeout, client.MaxReconnectDelay, client.EarlyData, client.DefaultTimeout, client.GetSerializer());
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (isShared && _shared.TryGetValue(key, out var shared))
            {
                return shared;
            }

            var channel = new RpcChannel(transport, Options(ClusterOptions.ParseEndPoint(address)!, client, name), loggers, time);
            _channels.Add(channel);
            if (isShared)
            {
                _shared[key] = channel;
            }

            return channel;
        }
    }

    /// <summary>How a channel of this client reaches a server.</summary>
    /// <param name="endPoint">The server.</param>
    /// <param name="client">The client's options.</param>
    /// <param name="name">The client's name, for its certificates; null takes the process's.</param>
    /// <param name="isFiltered">Whether the client's filters see the channel's calls.</param>
    public RpcChannelOptions Options(EndPoint endPoint, RpcClientOptions client, string? name = null, bool isFiltered = true) => new()
    {
        EndPoint = endPoint,
        Tls = new TlsClientOptions
        {
            TargetHost = string.IsNullOrEmpty(client.TargetHost) ? null : client.TargetHost,
            SelectIdentity = () => name is null ? certificates.ClientIdentity : certificates.GetClientIdentity(name),
            ValidateServer = name is null ? certificates.ValidateServer : certificates.GetServerValidator(name),
        },
        Limits = settings.Options.Server.Limits.ToLimits(),
        Compression = settings.Options.Compression.ToCompression(),
        Connections = client.Connections,
        ConnectTimeout = client.ConnectTimeout,
        IdleTimeout = settings.Options.Transport.IdleTimeout,
        KeepAliveInterval = settings.Options.Transport.KeepAliveInterval,
        MaxReconnectDelay = client.MaxReconnectDelay,
        EarlyData = client.EarlyData,
        DefaultTimeout = client.DefaultTimeout,
        Serializer = client.GetSerializer(),
        Filters = isFiltered ? [.. client.Filters.Select(make => make(services))] : [],
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
        bool EarlyData,
        TimeSpan? DefaultTimeout,
        IRpcSerializer Serializer);
}
