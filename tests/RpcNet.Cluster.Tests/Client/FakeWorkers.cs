using System.Collections.Concurrent;
using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using RpcNet.Cluster.Client;
using RpcNet.Cluster.Tests.Registry;

namespace RpcNet.Cluster.Tests.Client;

/// <summary>A registry, a pool and a client over workers that are delegates: no transport, no threads of their own.</summary>
internal sealed class FakeWorkers : IAsyncDisposable
{
    public static readonly RpcUnaryMethod<int, string> Read = new(
        "tests.Fake", "Read", RpcMarshaller.Value<int>(), RpcMarshaller.Value<string>(), idempotent: true);

    public static readonly RpcUnaryMethod<int, string> Write = new(
        "tests.Fake", "Write", RpcMarshaller.Value<int>(), RpcMarshaller.Value<string>());

    public static readonly RpcStreamingMethod<int, int, string> Stream = new(
        "tests.Fake", "Stream", RpcMethodKind.Bidirectional, RpcMarshaller.Value<int>(), RpcMarshaller.Value<int>(), RpcMarshaller.Value<string>(), idempotent: true);

    public static readonly RpcStreamingMethod<int, int, string> Upload = new(
        "tests.Fake", "Upload", RpcMethodKind.ClientStreaming, RpcMarshaller.Value<int>(), RpcMarshaller.Value<int>(), RpcMarshaller.Value<string>(), idempotent: true);

    private readonly WorkerChannelPool _pool;

    private FakeWorkers(TimeProvider time, WorkerRegistryOptions options, ClusterClientOptions client, ILoggerFactory? loggers)
    {
        Time = time;
        options.WatchLoad = false;
        _pool = new WorkerChannelPool(address => new Channel(this, address), timeProvider: time);
        Registry = new WorkerRegistry(Membership, options, _pool, loggers, time, seed: 1);
        ClientOptions = client;
    }

    /// <summary>Answers a call: worker's name, method, request, token.</summary>
    public delegate ValueTask<string> Handler(string worker, RpcMethod method, int request, CancellationToken cancellationToken);

    public TimeProvider Time { get; }

    public FakeMembership Membership { get; } = new();

    public WorkerRegistry Registry { get; }

    public ClusterClientOptions ClientOptions { get; }

    public ClusterClient Client { get; private set; } = null!;

    /// <summary>The workers' names in the order in which calls reached them.</summary>
    public ConcurrentQueue<string> Calls { get; } = new();

    public RpcCallOptions? LastOptions { get; private set; }

    public Handler Answer { get; set; } = static (worker, _, _, _) => new(worker);

    public static async Task<FakeWorkers> StartAsync(
        int count,
        Handler? answer = null,
        Action<WorkerRegistryOptions>? registry = null,
        Action<ClusterClientOptions>? client = null,
        TimeProvider? time = null,
        ILoggerFactory? loggers = null)
    {
        var (registryOptions, clientOptions) = (new WorkerRegistryOptions { Strategy = LoadBalancingStrategy.RoundRobin }, new ClusterClientOptions());
        registry?.Invoke(registryOptions);
        client?.Invoke(clientOptions);
        var workers = new FakeWorkers(time ?? TimeProvider.System, registryOptions, clientOptions, loggers);
        workers.Answer = answer ?? workers.Answer;
        workers.Membership.JoinMany(count);
        await workers.Registry.StartAsync(TestContext.Current.CancellationToken);
        workers.Client = new ClusterClient(workers.Registry, clientOptions, loggers);
        return workers;
    }

    public static RpcFaultException Lost(bool mayHaveExecuted) =>
        new(RpcStatusCode.Unavailable, "the connection was lost") { MayHaveExecuted = mayHaveExecuted };

    public ValueTask<string> ReadAsync(int request = 0, RpcCallOptions? options = null, CancellationToken? token = null) =>
        Client.InvokeUnaryAsync(Read, request, options, token ?? TestContext.Current.CancellationToken);

    public ValueTask<string> WriteAsync(int request = 0, RpcCallOptions? options = null, CancellationToken? token = null) =>
        Client.InvokeUnaryAsync(Write, request, options, token ?? TestContext.Current.CancellationToken);

    public void AssertNothingInFlight() => Assert.All(Registry.Workers, static w => Assert.Equal(0, w.InFlight));

    public async ValueTask DisposeAsync()
    {
        await Registry.DisposeAsync();
        await _pool.DisposeAsync();
    }

    private sealed class Channel(FakeWorkers owner, IPEndPoint address) : WorkerChannel
    {
        public override RpcInvoker Invoker { get; } = new FakeInvoker(owner, address);

        public override ValueTask ConnectAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

        public override ValueTask CloseAsync(string reason) => ValueTask.CompletedTask;
    }

    private sealed class FakeInvoker(FakeWorkers owner, IPEndPoint address) : RpcInvoker
    {
        private readonly string _name = $"w{address.Port - 10_000:0000}";

        public override async ValueTask<TResponse> InvokeUnaryAsync<TRequest, TResponse>(
            RpcUnaryMethod<TRequest, TResponse> method, TRequest request, RpcCallOptions? options, CancellationToken cancellationToken)
        {
            owner.Calls.Enqueue(_name);
            owner.LastOptions = options;
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            using var timer = options?.Timeout is { } timeout
                ? owner.Time.CreateTimer(static s => ((CancellationTokenSource)s!).Cancel(), deadline, timeout, Timeout.InfiniteTimeSpan)
                : null;
            try
            {
                return (TResponse)(object)await owner.Answer(_name, method, (int)(object)request!, deadline.Token);
            }
            catch (OperationCanceledException) when (deadline.IsCancellationRequested)
            {
                cancellationToken.ThrowIfCancellationRequested();
                throw new RpcFaultException(RpcStatusCode.DeadlineExceeded, "too late");
            }
        }

        public override async ValueTask<TOutput> InvokeClientStreamingAsync<TRequest, TInput, TOutput>(
            RpcStreamingMethod<TRequest, TInput, TOutput> method,
            TRequest request,
            IAsyncEnumerable<TInput> input,
            RpcCallOptions? options,
            CancellationToken cancellationToken)
        {
            owner.Calls.Enqueue(_name);
            if (_name == "w0000" && (int)(object)request! == 0)
            {
                throw Lost(mayHaveExecuted: false);
            }

            await foreach (var item in input.WithCancellation(cancellationToken))
            {
                await owner.Answer(_name, method, (int)(object)item!, cancellationToken);
            }

            return (TOutput)(object)_name;
        }

        public override IAsyncEnumerable<TOutput> InvokeStreaming<TRequest, TInput, TOutput>(
            RpcStreamingMethod<TRequest, TInput, TOutput> method,
            TRequest request,
            IAsyncEnumerable<TInput>? input,
            RpcCallOptions? options,
            CancellationToken cancellationToken) =>
            StreamAsync<TOutput>(method, (int)(object)request!, cancellationToken);

        private async IAsyncEnumerable<TOutput> StreamAsync<TOutput>(
            RpcMethod method, int count, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            owner.Calls.Enqueue(_name);
            for (var i = 0; i < count; i++)
            {
                yield return (TOutput)(object)await owner.Answer(_name, method, i, cancellationToken);
            }
        }
    }
}
