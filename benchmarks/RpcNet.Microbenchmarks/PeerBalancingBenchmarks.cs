using System.Collections.Frozen;
using System.Net;
using System.Reflection;
using System.Runtime.CompilerServices;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using Grpc.Net.Client.Balancer;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using RpcNet.Cluster;
using RpcNet.Cluster.Balancing;
using RpcNet.Cluster.Registry;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace RpcNet.Microbenchmarks;

/// <summary>
/// The choice of one of many servers beside YARP's policies and Grpc.Net.Client's round robin, in the same run. The rows "…AndLease"
/// are the whole of a selection as calls use it: the choice, the state of the worker, and the count of calls in and out.
/// </summary>
[GroupBenchmarksBy(BenchmarkLogicalGroupRule.ByCategory)]
[CategoriesColumn]
public class PeerBalancingBenchmarks
{
    private readonly List<WorkerRegistry> _registries = [];
    private readonly DefaultHttpContext _http = new();
    private readonly PickContext _pick = new();
    private readonly ClusterState _cluster = new("workers");
    private readonly List<DestinationState> _destinations = [];
    private (WorkerSelector Selector, ILoadBalancer Balancer, WorkerSet Set) _roundRobin;
    private (WorkerSelector Selector, ILoadBalancer Balancer, WorkerSet Set) _random;
    private (WorkerSelector Selector, ILoadBalancer Balancer, WorkerSet Set) _twoChoices;
    private (WorkerSelector Selector, ILoadBalancer Balancer, WorkerSet Set) _least;
    private ILoadBalancingPolicy _yarpRoundRobin = null!;
    private ILoadBalancingPolicy _yarpRandom = null!;
    private ILoadBalancingPolicy _yarpTwoChoices = null!;
    private ILoadBalancingPolicy _yarpLeast = null!;
    private SubchannelPicker _grpcRoundRobin = null!;

    [Params(100, 1000)]
    public int Workers { get; set; }

    [GlobalSetup]
    public async Task SetupAsync()
    {
        _roundRobin = await SelectorAsync(LoadBalancingStrategy.RoundRobin);
        _random = await SelectorAsync(LoadBalancingStrategy.Random);
        _twoChoices = await SelectorAsync(LoadBalancingStrategy.PowerOfTwoChoices);
        _least = await SelectorAsync(LoadBalancingStrategy.LeastConnections);

        _destinations.AddRange(Enumerable.Range(0, Workers).Select(static i => new DestinationState($"w{i:0000}")));
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddReverseProxy();
        var policies = services.BuildServiceProvider().GetServices<ILoadBalancingPolicy>().ToDictionary(static p => p.Name);
        _yarpRoundRobin = policies[LoadBalancingPolicies.RoundRobin];
        _yarpRandom = policies[LoadBalancingPolicies.Random];
        _yarpTwoChoices = policies[LoadBalancingPolicies.PowerOfTwoChoices];
        _yarpLeast = policies[LoadBalancingPolicies.LeastRequests];
        _grpcRoundRobin = GrpcPicker(Workers);
    }

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        foreach (var registry in _registries)
        {
            await registry.DisposeAsync();
        }

        _registries.Clear();
        _destinations.Clear();
    }

    [Benchmark(Baseline = true), BenchmarkCategory("round robin")]
    public int RoundRobin() => _roundRobin.Balancer.Select(_roundRobin.Set, default);

    [Benchmark, BenchmarkCategory("round robin")]
    public bool RoundRobinAndLease() => Select(_roundRobin.Selector);

    [Benchmark, BenchmarkCategory("round robin")]
    public object? YarpRoundRobin() => _yarpRoundRobin.PickDestination(_http, _cluster, _destinations);

    [Benchmark, BenchmarkCategory("round robin")]
    public object? GrpcRoundRobin() => _grpcRoundRobin.Pick(_pick).Subchannel;

    [Benchmark(Baseline = true), BenchmarkCategory("random")]
    public int Random() => _random.Balancer.Select(_random.Set, default);

    [Benchmark, BenchmarkCategory("random")]
    public bool RandomAndLease() => Select(_random.Selector);

    [Benchmark, BenchmarkCategory("random")]
    public object? YarpRandom() => _yarpRandom.PickDestination(_http, _cluster, _destinations);

    [Benchmark(Baseline = true), BenchmarkCategory("two choices")]
    public int PowerOfTwoChoices() => _twoChoices.Balancer.Select(_twoChoices.Set, default);

    [Benchmark, BenchmarkCategory("two choices")]
    public bool PowerOfTwoChoicesAndLease() => Select(_twoChoices.Selector);

    [Benchmark, BenchmarkCategory("two choices")]
    public object? YarpPowerOfTwoChoices() => _yarpTwoChoices.PickDestination(_http, _cluster, _destinations);

    [Benchmark(Baseline = true), BenchmarkCategory("least")]
    public int LeastConnections() => _least.Balancer.Select(_least.Set, default);

    [Benchmark, BenchmarkCategory("least")]
    public bool LeastConnectionsAndLease() => Select(_least.Selector);

    [Benchmark, BenchmarkCategory("least")]
    public object? YarpLeastRequests() => _yarpLeast.PickDestination(_http, _cluster, _destinations);

    private static bool Select(WorkerSelector selector)
    {
        var selected = selector.TrySelect(out var lease);
        lease.Dispose();
        return selected;
    }

    /// <summary>gRPC's picker is internal, and so is its subchannel, which it only hands on.</summary>
    private static SubchannelPicker GrpcPicker(int count)
    {
        var type = typeof(SubchannelPicker).Assembly.GetType("Grpc.Net.Client.Balancer.RoundRobinPicker", throwOnError: true)!;
        List<Subchannel> subchannels = [.. Enumerable.Range(0, count).Select(static _ => (Subchannel)RuntimeHelpers.GetUninitializedObject(typeof(Subchannel)))];
        var constructor = type.GetConstructors(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)[0];
        return (SubchannelPicker)constructor.Invoke([subchannels, .. constructor.GetParameters().Skip(1).Select(static _ => (object)0)]);
    }

    private async Task<(WorkerSelector Selector, ILoadBalancer Balancer, WorkerSet Set)> SelectorAsync(LoadBalancingStrategy strategy)
    {
        var options = new WorkerRegistryOptions { Strategy = strategy, SlowStart = TimeSpan.Zero, WatchLoad = false };
        var registry = new WorkerRegistry(SubscribeAsync, static () => null, options, null, null, null, seed: 1);
        _registries.Add(registry);
        await registry.StartAsync();
        var selector = registry.GetSelector("role=worker");
        return (selector, Balancers.Create(options, new RandomSource(1), TimeProvider.System, static () => null), selector.Candidates);
    }

    private async IAsyncEnumerable<ClusterEvent> SubscribeAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        yield return new ClusterSnapshot(default, [.. Enumerable.Range(0, Workers).Select(static i => new ClusterMember
        {
            Id = new NodeId($"w{i:0000}"),
            Generation = 1,
            Incarnation = 1,
            Address = new IPEndPoint(IPAddress.Loopback, 10_000 + i),
            Tags = new Dictionary<string, string> { ["role"] = "worker" }.ToFrozenDictionary(),
        })]);
        await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
    }
}
