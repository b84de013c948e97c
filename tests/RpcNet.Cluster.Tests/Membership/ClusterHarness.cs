using System.Net;
using System.Security.Cryptography;
using RpcNet.Testing;
using RpcNet.Testing.InMemory;
using RpcNet.Testing.VirtualTime;
using RpcNet.Transports;

namespace RpcNet.Cluster.Tests.Membership;

/// <summary>Real drivers on an in-memory network, in virtual time that stands still while any of them has something to do.</summary>
internal sealed class ClusterHarness : IAsyncDisposable
{
    private readonly Pump _pump = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), TimeSpan.FromSeconds(60));
    private readonly List<HarnessNode> _nodes = [];

    public ClusterHarness(int seed = 1)
    {
        Time = _pump.CreateClock();
        Network = new InMemoryNetwork(seed, Time) { Tracker = _pump.Tracker };
        Join();
    }

    public TimeProvider Time { get; }

    public InMemoryNetwork Network { get; }

    public static string AddressOf(int port) => $"127.0.0.1:{port}";

    public Task<HarnessNode> StartAsync(
        string id,
        int port,
        string[]? seeds = null,
        Action<ClusterOptions>? configure = null,
        Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null,
        IPAddress? host = null,
        int failures = 0)
    {
        Join();
        var options = new ClusterOptions { NodeId = id, Seeds = seeds ?? [AddressOf(7001)] };
        configure?.Invoke(options);
        var transport = Network.CreateTransport($"host-{_nodes.Count}");
        var node = new HarnessNode(this, transport, options, new IPEndPoint(host ?? IPAddress.Loopback, port), _nodes.Count, resolve, failures);
        _nodes.Add(node);
        return StartAsync(node);
    }

    /// <summary>Lets time pass until the condition holds.</summary>
    public Task<bool> RunUntilAsync(Func<bool> condition, TimeSpan limit)
    {
        Join();
        return _pump.AdvanceAsync(limit, condition, TestContext.Current.CancellationToken);
    }

    public async Task RunUntilAsync(Task task, TimeSpan limit)
    {
        Assert.True(await RunUntilAsync(() => task.IsCompleted, limit));
        await task;
    }

    public Task RunAsync(TimeSpan time)
    {
        Join();
        return _pump.AdvanceAsync(time, until: null, TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        _pump.Dispose();
    }

    // What the caller does from now on counts as work of the nodes.
    private void Join() => WorkTracker.Current = _pump.Tracker;

    private static async Task<HarnessNode> StartAsync(HarnessNode node)
    {
        await node.StartAsync();
        return node;
    }
}

/// <summary>A node, its listener, and all events it reported.</summary>
internal sealed class HarnessNode : IAsyncDisposable
{
    private readonly ClusterHarness _harness;
    private readonly IPEndPoint _address;
    private readonly List<ClusterEvent> _events = [];
    private readonly List<Task> _tasks = [];
    private readonly CancellationTokenSource _stop = new();
    private ITransportListener? _listener;
    private int _failures;
    private int _dials;
    private int _served;
    private bool _killed;

    /// <param name="harness">The network and the clock.</param>
    /// <param name="transport">The node's place in the network.</param>
    /// <param name="options">The node's options.</param>
    /// <param name="address">Where it listens.</param>
    /// <param name="index">Its number, for its chance.</param>
    /// <param name="resolve">Resolves names of seeds; null asks the system.</param>
    /// <param name="failures">How often making the options of a connection fails at first.</param>
    public HarnessNode(
        ClusterHarness harness,
        InMemoryTransport transport,
        ClusterOptions options,
        IPEndPoint address,
        int index,
        Func<string, CancellationToken, Task<IPAddress[]>>? resolve,
        int failures)
    {
        _harness = harness;
        Transport = transport;
        _address = address;
        _failures = failures;
        Cluster = new ClusterNode(options, transport, ConnectOptions, harness.Time, new Random(index + 1))
        {
            Resolve = resolve ?? Dns.GetHostAddressesAsync,
        };
    }

    /// <summary>Connections that this node tried to open.</summary>
    public int Dials => Volatile.Read(ref _dials);

    /// <summary>Connections that others opened to this node and that are still there.</summary>
    public int OpenConnections => Volatile.Read(ref _served);

    public ClusterNode Cluster { get; }

    public InMemoryTransport Transport { get; }

    public ClusterEvent[] Events
    {
        get
        {
            lock (_events)
            {
                return [.. _events];
            }
        }
    }

    public IEnumerable<T> EventsOf<T>() => Events.OfType<T>();

    public async Task StartAsync()
    {
        _listener = await Transport.ListenAsync(new TransportListenerOptions
        {
            EndPoint = _address,
            ApplicationProtocols = [ClusterProtocol.Alpn],
            Tls = new TlsServerOptions { SelectIdentity = _ => TestCertificates.Shared.Server },
        });
        _tasks.Add(Task.Run(AcceptAsync));
        _tasks.Add(Task.Run(CollectAsync));
        await Cluster.StartAsync(_listener.LocalEndPoint);
    }

    /// <summary>Ends like a killed process: without a word to anybody.</summary>
    public async Task KillAsync()
    {
        _killed = true;
        Transport.Kill();
        await StopAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!_killed)
        {
            await StopAsync();
        }
    }

    private TransportConnectOptions ConnectOptions(EndPoint peer)
    {
        if (_failures > 0)
        {
            _failures--;
            throw new CryptographicException("The certificate cannot be read.");
        }

        Interlocked.Increment(ref _dials);
        return new TransportConnectOptions
        {
            EndPoint = peer,
            ApplicationProtocols = [ClusterProtocol.Alpn],
            Tls = new TlsClientOptions { ValidateServer = static _ => null },
        };
    }

    private async Task ServeAsync(ITransportConnection connection)
    {
        Interlocked.Increment(ref _served);
        await Cluster.HandleConnectionAsync(connection, _stop.Token);
        Interlocked.Decrement(ref _served);
    }

    private async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Cluster.DisposeAsync();
        await _listener!.DisposeAsync();
        await Task.WhenAll(_tasks);
    }

    private async Task AcceptAsync()
    {
        var handlers = new List<Task>();
        try
        {
            while (true)
            {
                var connection = await _listener!.AcceptAsync(_stop.Token);
                handlers.Add(ServeAsync(connection));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or TransportException)
        {
            await Task.WhenAll(handlers);
        }
    }

    private async Task CollectAsync()
    {
        await foreach (var e in Cluster.SubscribeAsync())
        {
            lock (_events)
            {
                _events.Add(e);
            }
        }
    }
}
