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
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace RpcNet.Microbenchmarks;

/// <summary>
/// The choice of one of many servers beside YARP's policies and Grpc.Net.Client's round robin, in the same run. The peers only
/// choose; ours chooses, counts the call in, and counts it out again, since that is how it is used.
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
    private WorkerSelector _roundRobin = null!;
    private WorkerSelector _random = null!;
    private WorkerSelector _twoChoices = null!;
    private WorkerSelector _least = null!;
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
    public bool RoundRobin() => Select(_roundRobin);

    [Benchmark, BenchmarkCategory("round robin")]
    public object? YarpRoundRobin() => _yarpRoundRobin.PickDestination(_http, _cluster, _destinations);

    [Benchmark, BenchmarkCategory("round robin")]
    public object? GrpcRoundRobin() => _grpcRoundRobin.Pick(_pick).Subchannel;

    [Benchmark(Baseline = true), BenchmarkCategory("random")]
    public bool Random() => Select(_random);

    [Benchmark, BenchmarkCategory("random")]
    public object? YarpRandom() => _yarpRandom.PickDestination(_http, _cluster, _destinations);

    [Benchmark(Baseline = true), BenchmarkCategory("two choices")]
    public bool PowerOfTwoChoices() => Select(_twoChoices);

    [Benchmark, BenchmarkCategory("two choices")]
    public object? YarpPowerOfTwoChoices() => _yarpTwoChoices.PickDestination(_http, _cluster, _destinations);

    [Benchmark(Baseline = true), BenchmarkCategory("least")]
    public bool LeastConnections() => Select(_least);

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

    private async Task<WorkerSelector> SelectorAsync(LoadBalancingStrategy strategy)
    {
        var options = new WorkerRegistryOptions { Strategy = strategy, SlowStart = TimeSpan.Zero, WatchLoad = false };
        var registry = new WorkerRegistry(SubscribeAsync, static () => null, options, null, null, null, seed: 1);
        _registries.Add(registry);
        await registry.StartAsync();
        return registry.GetSelector("role=worker");
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
