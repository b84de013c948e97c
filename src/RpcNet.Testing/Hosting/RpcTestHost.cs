using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using RpcNet.Client;
using RpcNet.Hosting;
using RpcNet.Testing.Hosting;
using RpcNet.Testing.InMemory;

namespace RpcNet.Testing;

/// <summary>
/// Runs an application's host in memory: its own registrations, no socket, no certificate files, services replaced where a test
/// wants it. Hosts on one network call each other and form clusters.
/// </summary>
/// <example>
/// <code>
/// await using var host = await RpcTestHost.StartAsync(builder =>
///     builder.Services.AddRpcNet().AddService&lt;IGreeter, Greeter&gt;());
/// var reply = await host.CreateClient&lt;IGreeter&gt;().GreetAsync("world");
/// </code>
/// </example>
public sealed class RpcTestHost : IAsyncDisposable
{
    private readonly RpcChannel _channel;
    private int _stopped;

    private RpcTestHost(IHost host, InMemoryNetwork network, InMemoryTransport transport, TimeProvider time)
    {
        Host = host;
        Network = network;
        Transport = transport;
        var address = EndPoint ?? new IPEndPoint(transport.Address, TestHosting.Port);
        _channel = TestHosting.CreateChannel(
            network.CreateTransport($"client-of-{transport.Host}-{Guid.NewGuid():N}"), address, time);
    }

    /// <summary>The host, started.</summary>
    public IHost Host { get; }

    /// <summary>The host's services.</summary>
    public IServiceProvider Services => Host.Services;

    /// <summary>The network that the host is on.</summary>
    public InMemoryNetwork Network { get; }

    /// <summary>The host's part of the network: to cut it off, or to kill it.</summary>
    public InMemoryTransport Transport { get; }

    /// <summary>Where the host listens; null when the application does not serve, and after the stop.</summary>
    public IPEndPoint? EndPoint => Services.GetRequiredService<IRpcNetEndpoint>().LocalEndPoint;

    /// <summary>A channel to the host.</summary>
    public RpcChannel Channel => _channel;

    /// <summary>Builds and starts a host.</summary>
    /// <remarks>
    /// Before <paramref name="configure"/> runs, the configuration has RpcNet:Listen:Address, an address of the network; the settings
    /// of the options override it. Nothing is read from files or the environment.
    /// </remarks>
    /// <param name="configure">What the application's Program does with its builder.</param>
    /// <param name="options">What differs in the test.</param>
    /// <param name="cancellationToken">Abandons the start.</param>
    /// <exception cref="RpcNetStartupException">A setting is wrong.</exception>
    public static async Task<RpcTestHost> StartAsync(
        Action<HostApplicationBuilder> configure, RpcTestHostOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(configure);
        options ??= new RpcTestHostOptions();
        var time = options.Time ?? TimeProvider.System;
        var network = options.Network ?? new InMemoryNetwork(time: time);
        var transport = network.CreateTransport(options.HostName ?? $"host-{Guid.NewGuid():N}");
        var host = TestHosting.Build(
            configure,
            transport,
            time,
            [new("RpcNet:Listen:Address", $"{transport.Address}:{TestHosting.Port}")],
            options.Settings,
            options.Environment,
            options.HostName,
            options.ConfigureServices);
        try
        {
            await host.StartAsync(cancellationToken).ConfigureAwait(false);
            return new RpcTestHost(host, network, transport, time);
        }
        catch
        {
            await TestHosting.DisposeAsync(host).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>A client of a contract that the host serves.</summary>
    /// <typeparam name="TService">The contract.</typeparam>
    /// <exception cref="InvalidOperationException">TService is no contract.</exception>
    public TService CreateClient<TService>(RpcCallOptions? options = null)
        where TService : class =>
        _channel.CreateClient<TService>(options);

    /// <summary>Stops the host as a signal would: it leaves its cluster, drains, and closes.</summary>
    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _stopped, 1) == 0)
        {
            await Host.StopAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Stops the host and frees everything.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        await _channel.DisposeAsync().ConfigureAwait(false);
        await TestHosting.DisposeAsync(Host).ConfigureAwait(false);
    }
}
