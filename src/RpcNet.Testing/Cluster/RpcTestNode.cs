using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RpcNet.Client;
using RpcNet.Testing.Hosting;
using RpcNet.Testing.InMemory;
using RpcNet.Testing.VirtualTime;

namespace RpcNet.Testing;

/// <summary>A node of an <see cref="RpcTestCluster"/>; it keeps its name and address over restarts.</summary>
public sealed class RpcTestNode
{
    private readonly RpcTestCluster _cluster;
    private readonly Action<HostApplicationBuilder> _configure;
    private readonly RpcTestNodeOptions _options;
    private readonly Lazy<RpcChannel> _channel;

    internal RpcTestNode(
        RpcTestCluster cluster, string name, IPEndPoint address, Action<HostApplicationBuilder> configure, RpcTestNodeOptions options)
    {
        _cluster = cluster;
        _configure = configure;
        _options = options;
        Name = name;
        Address = address;
        _channel = new Lazy<RpcChannel>(() => TestHosting.CreateChannel(
            cluster.Network.CreateTransport($"client of {name}"), address, cluster.Time));
    }

    /// <summary>The node's name, by which others can reach it too: "name:61000".</summary>
    public string Name { get; }

    /// <summary>Where the node listens.</summary>
    public IPEndPoint Address { get; }

    /// <summary>Whether the node was started, and neither stopped nor killed since. A paused node runs.</summary>
    public bool IsRunning => Host is not null;

    /// <summary>Whether the node stands still until <see cref="RpcTestCluster.ResumeAsync"/>.</summary>
    public bool IsPaused { get; internal set; }

    /// <summary>The services of the running host.</summary>
    /// <exception cref="InvalidOperationException">The node does not run.</exception>
    public IServiceProvider Services
    {
        get
        {
            _cluster.Join();
            return Host?.Services ?? throw new InvalidOperationException($"The node '{Name}' does not run.");
        }
    }

    internal IHost? Host { get; private set; }

    internal InMemoryTransport? Transport { get; private set; }

    internal NodeClock? Clock { get; private set; }

    /// <summary>A client, outside of the cluster, of a contract that the node serves; it outlives the node's restarts.</summary>
    /// <typeparam name="TService">The contract.</typeparam>
    /// <exception cref="InvalidOperationException">TService is no contract.</exception>
    public TService CreateClient<TService>(RpcCallOptions? options = null)
        where TService : class
    {
        _cluster.Join();
        return RpcContracts.Get<TService>().CreateClient(new ClusterInvoker(_cluster, _channel.Value), options);
    }

    /// <summary>Makes a process of the node, so to speak.</summary>
    internal async Task StartAsync(InMemoryTransport transport, NodeClock clock)
    {
        (Transport, Clock) = (transport, clock);
        var host = TestHosting.Build(
            _configure, transport, clock, _cluster.SettingsOf(this), _options.Settings, _options.Environment, Name, _options.ConfigureServices);
        Host = host;
        await host.StartAsync().ConfigureAwait(false);
    }

    /// <summary>The process is no more; returns its host.</summary>
    internal IHost Forget()
    {
        var host = Host!;
        (Host, IsPaused) = (null, false);
        return host;
    }

    internal ValueTask CloseChannelAsync() => _channel.IsValueCreated ? _channel.Value.DisposeAsync() : default;
}
