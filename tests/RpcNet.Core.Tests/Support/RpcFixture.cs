using System.Net;
using Microsoft.Extensions.Logging;
using RpcNet.Client;
using RpcNet.Server;
using RpcNet.Testing;
using RpcNet.Testing.InMemory;
using RpcNet.Transports;

namespace RpcNet.Core.Tests.Support;

/// <summary>A server and a channel to it over the in-memory network.</summary>
internal sealed class RpcFixture : IAsyncDisposable
{
    private readonly List<RpcChannel> _channels = [];

    private RpcFixture(TimeProvider time, RpcServerOptions serverOptions, Action<RpcServiceMap>? configure, ILoggerFactory? loggers)
    {
        Time = time;
        Loggers = loggers;
        Network = new InMemoryNetwork(time: time);
        ServerTransport = Network.CreateTransport("server");
        ClientTransport = Network.CreateTransport("client");
        var services = new RpcServiceMap().AddService<IProbe>(Service);
        configure?.Invoke(services);
        Server = new RpcServer(services, serverOptions, loggers, time);
    }

    public TimeProvider Time { get; }

    public ILoggerFactory? Loggers { get; }

    public InMemoryNetwork Network { get; }

    public InMemoryTransport ServerTransport { get; }

    public InMemoryTransport ClientTransport { get; }

    public ProbeService Service { get; } = new();

    public RpcServer Server { get; }

    public RpcListener Listener { get; private set; } = null!;

    public RpcChannel Channel { get; private set; } = null!;

    public IProbe Client { get; private set; } = null!;

    public IPEndPoint EndPoint => new(ServerTransport.Address, Listener.LocalEndPoint.Port);

    public static async Task<RpcFixture> StartAsync(
        RpcServerOptions? server = null,
        Func<RpcChannelOptions, RpcChannelOptions>? client = null,
        Action<RpcServiceMap>? services = null,
        TimeProvider? time = null,
        ILoggerFactory? loggers = null)
    {
        var fixture = new RpcFixture(time ?? TimeProvider.System, server ?? new RpcServerOptions(), services, loggers);
        await fixture.ListenAsync();
        fixture.Channel = fixture.CreateChannel(client);
        fixture.Client = fixture.Channel.CreateClient<IProbe>();
        return fixture;
    }

    public async Task ListenAsync(int port = 0) => Listener = await RpcListener.StartAsync(
        ServerTransport,
        new IPEndPoint(ServerTransport.Address, port),
        new TlsServerOptions { SelectIdentity = _ => TestCertificates.Shared.Server },
        [Server],
        loggerFactory: Loggers);

    public RpcChannelOptions ChannelOptions => new()
    {
        EndPoint = EndPoint,
        Tls = new TlsClientOptions { TargetHost = "localhost", ValidateServer = TestCertificates.Shared.Trust },
    };

    public RpcChannel CreateChannel(Func<RpcChannelOptions, RpcChannelOptions>? configure = null, ITransport? transport = null)
    {
        var options = ChannelOptions;
        var channel = new RpcChannel(transport ?? ClientTransport, configure?.Invoke(options) ?? options, Loggers, Time, new Random(7));
        _channels.Add(channel);
        return channel;
    }

    public async ValueTask DisposeAsync()
    {
        Service.Gate.TrySetResult(0);
        foreach (var channel in _channels)
        {
            await channel.DisposeAsync();
        }

        await Listener.DisposeAsync();
    }
}
