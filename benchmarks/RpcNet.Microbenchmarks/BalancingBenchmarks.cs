using System.Collections.Frozen;
using System.Net;
using System.Runtime.CompilerServices;
using BenchmarkDotNet.Attributes;
using RpcNet.Cluster;

namespace RpcNet.Microbenchmarks;

/// <summary>The choice of a worker and the lease's return, as each balanced call has them.</summary>
public class BalancingBenchmarks
{
    private static readonly SelectionRequest Request = new("customer-4711");

    private WorkerRegistry _registry = null!;
    private WorkerSelector _selector = null!;

    [Params(3, 100, 1000)]
    public int Workers { get; set; }

    [ParamsAllValues]
    public LoadBalancingStrategy Strategy { get; set; }

    [GlobalSetup]
    public async Task SetupAsync()
    {
        _registry = new WorkerRegistry(
            SubscribeAsync,
            static () => "a",
            new WorkerRegistryOptions { Strategy = Strategy, SlowStart = TimeSpan.Zero, WatchLoad = false },
            channels: null,
            loggerFactory: null,
            timeProvider: null,
            seed: 1);
        await _registry.StartAsync();
        _selector = _registry.GetSelector("role=worker");
    }

    [GlobalCleanup]
    public async Task CleanupAsync() => await _registry.DisposeAsync();

    [Benchmark]
    public bool SelectAndReturn()
    {
        var selected = _selector.TrySelect(Request, [], out var lease);
        lease.Dispose();
        return selected;
    }

    private async IAsyncEnumerable<ClusterEvent> SubscribeAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        yield return new ClusterSnapshot(default, [.. Enumerable.Range(0, Workers).Select(static i => new ClusterMember
        {
            Id = new NodeId($"w{i:0000}"),
            Generation = 1,
            Incarnation = 1,
            Address = new IPEndPoint(IPAddress.Loopback, 10_000 + i),
            Tags = new Dictionary<string, string> { ["role"] = "worker", ["zone"] = i % 2 == 0 ? "a" : "b" }.ToFrozenDictionary(),
        })]);
        await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
    }
}
