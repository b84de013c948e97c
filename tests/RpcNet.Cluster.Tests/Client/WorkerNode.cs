using System.Collections.Concurrent;
using System.Net;
using System.Runtime.CompilerServices;
using RpcNet.Client;
using RpcNet.Server;
using RpcNet.Testing;
using RpcNet.Testing.InMemory;
using RpcNet.Transports;

namespace RpcNet.Cluster.Tests.Client;

/// <summary>A worker on the in-memory network: server, load reporter, and a handler that the test steers.</summary>
internal sealed class WorkerNode : IWork, IAsyncDisposable
{
    private readonly InMemoryNetwork _network;
    private RpcListener _listener = null!;

    private WorkerNode(InMemoryNetwork network, string name)
    {
        _network = network;
        Name = name;
        Transport = network.CreateTransport(name);
        var services = new RpcServiceMap().AddService<IWork>(this);
        Reporter.AddTo(services);
        Server = new RpcServer(services, new RpcServerOptions());
        Reporter.Attach(Server);
    }

    public string Name { get; }

    public InMemoryTransport Transport { get; }

    public WorkerLoadReporter Reporter { get; } = new(new WorkerLoadOptions { Interval = TimeSpan.FromMilliseconds(10) });

    public RpcServer Server { get; }

    public ConcurrentQueue<int> Executed { get; } = new();

    /// <summary>What a call does after it was entered in <see cref="Executed"/>.</summary>
    public Func<int, CancellationToken, ValueTask> Handler { get; set; } = static (_, _) => ValueTask.CompletedTask;

    public IPEndPoint EndPoint => new(Transport.Address, _listener.LocalEndPoint.Port);

    public static async Task<WorkerNode> StartAsync(InMemoryNetwork network, string name)
    {
        var node = new WorkerNode(network, name);
        node._listener = await RpcListener.StartAsync(
            node.Transport,
            new IPEndPoint(node.Transport.Address, 0),
            new TlsServerOptions { SelectIdentity = _ => TestCertificates.Shared.Server },
            [node.Server]);
        return node;
    }

    public static RpcChannelOptions ChannelOptions(EndPoint endPoint) => new()
    {
        EndPoint = endPoint,
        Tls = new TlsClientOptions { TargetHost = "localhost", ValidateServer = TestCertificates.Shared.Trust },
        ConnectTimeout = TimeSpan.FromSeconds(30),
        MaxReconnectDelay = TimeSpan.FromSeconds(1),
    };

    public ClusterMember Member(string tags = "role=worker") =>
        Registry.FakeMembership.Member(Name, 1, tags) with { Address = EndPoint };

    public void Kill() => _network.Kill(Transport);

    public async ValueTask<string> ReadAsync(int value, CancellationToken cancellationToken = default)
    {
        Executed.Enqueue(value);
        await Handler(value, cancellationToken);
        return Name;
    }

    public ValueTask<string> WriteAsync(int value, CancellationToken cancellationToken = default) => ReadAsync(value, cancellationToken);

    public async IAsyncEnumerable<string> StreamAsync(int count, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        for (var i = 0; i < count; i++)
        {
            yield return await ReadAsync(i, cancellationToken);
        }
    }

    public async ValueTask<string> UploadAsync(IAsyncEnumerable<int> values, CancellationToken cancellationToken = default)
    {
        await foreach (var value in values.WithCancellation(cancellationToken))
        {
            await ReadAsync(value, cancellationToken);
        }

        return Name;
    }

    public async ValueTask DisposeAsync()
    {
        Reporter.Dispose();
        await _listener.DisposeAsync();
    }
}
