using System.Collections.Frozen;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using RpcNet.Cluster;

namespace RpcNet.BalancingSim;

/// <summary>Measures what selecting a worker and ending its lease costs on one thread.</summary>
internal static class SelectionCost
{
    private const int Rounds = 5000;

    private static readonly string[] Keys = [.. Enumerable.Range(0, 4096).Select(static i => $"user-{i}")];
    private static readonly string[] OneKey = ["user-17"];

    private static int s_nextKey;

    public static async Task<IReadOnlyList<Cost>> MeasureAsync(TextWriter output)
    {
        var costs = new List<Cost>();

        // The code that all strategies share is compiled in its final form before the first figure is taken.
        await MeasureAsync(LoadBalancingStrategy.LeastConnections, 10, scattered: true, Keys);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"One Interlocked.Increment here: {MeasureInterlocked():0.0} ns"));
        output.WriteLine();
        output.WriteLine("| strategy | workers | ns to select | ns to end | both, median | bytes |");
        output.WriteLine("|---|---:|---:|---:|---:|---:|");
        foreach (var strategy in Enum.GetValues<LoadBalancingStrategy>())
        {
            foreach (var count in new[] { 10, 100, 1000 })
            {
                await AddAsync(strategy, count, scattered: false, Keys);
                if (strategy == LoadBalancingStrategy.LeastConnections)
                {
                    await AddAsync(strategy, count, scattered: true, Keys);
                }
                else if (strategy == LoadBalancingStrategy.ConsistentHash)
                {
                    await AddAsync(strategy, count, scattered: false, OneKey);
                }
            }
        }

        return costs;

        async Task AddAsync(LoadBalancingStrategy strategy, int count, bool scattered, string[] keys)
        {
            var cost = await MeasureAsync(strategy, count, scattered, keys);
            costs.Add(cost);
            output.WriteLine(cost.ToString());
        }
    }

    private static async Task<Cost> MeasureAsync(LoadBalancingStrategy strategy, int count, bool scattered, string[] keys)
    {
        var options = new WorkerRegistryOptions { Strategy = strategy, Filter = "", MaxWorkers = 4096 };
        await using var registry = new WorkerRegistry(
            token => SubscribeAsync(scattered ? count * 2 : count, token), static () => "a", options, null, null, TimeProvider.System, seed: 1);
        await registry.StartAsync();
        var selector = registry.GetSelector(scattered ? "half=0" : "role=worker");
        var leases = new WorkerLease[64];
        for (var i = 0; i < 2000; i++)
        {
            Run(selector, leases, keys);
        }

        // Tiered compilation replaces the code in the background.
        await Task.Delay(300);
        for (var i = 0; i < 500; i++)
        {
            Run(selector, leases, keys);
        }

        var (selects, ends, both) = (new double[Rounds], new double[Rounds], new double[Rounds]);
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Rounds; i++)
        {
            (selects[i], ends[i]) = Run(selector, leases, keys);
            both[i] = selects[i] + ends[i];
        }

        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        Array.Sort(both);
        return new Cost(
            $"{strategy}{(scattered ? " (every other worker)" : keys == OneKey ? " (one key, 64 calls)" : "")}", count, selects.Min(), ends.Min(), both[Rounds / 2],
            (double)allocated / (Rounds * leases.Length));
    }

    private static double MeasureInterlocked()
    {
        var (best, counter) = (double.MaxValue, 0L);
        for (var round = 0; round < Rounds; round++)
        {
            var started = Stopwatch.GetTimestamp();
            for (var i = 0; i < 2000; i++)
            {
                Interlocked.Increment(ref counter);
            }

            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalNanoseconds / 2000);
        }

        return best;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (double Select, double End) Run(WorkerSelector selector, WorkerLease[] leases, string[] keys)
    {
        var first = s_nextKey;
        s_nextKey += leases.Length;
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < leases.Length; i++)
        {
            selector.TrySelect(new SelectionRequest(keys[(first + i) & (keys.Length - 1)]), [], out leases[i]);
        }

        var selected = Stopwatch.GetTimestamp();
        for (var i = 0; i < leases.Length; i++)
        {
            leases[i].Dispose();
        }

        return (
            Stopwatch.GetElapsedTime(started, selected).TotalNanoseconds / leases.Length,
            Stopwatch.GetElapsedTime(selected).TotalNanoseconds / leases.Length);
    }

    private static async IAsyncEnumerable<ClusterEvent> SubscribeAsync(int count, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        yield return new ClusterSnapshot(default, [.. Enumerable.Range(0, count).Select(static i => new ClusterMember
        {
            Id = new NodeId($"w{i:0000}"),
            Generation = 1,
            Incarnation = 1,
            Address = new IPEndPoint(IPAddress.Loopback, 1000 + i),
            Tags = new Dictionary<string, string> { ["role"] = "worker", ["zone"] = i % 2 == 0 ? "a" : "b", ["half"] = $"{i % 2}" }.ToFrozenDictionary(),
        })]);
        await Task.Delay(Timeout.Infinite, cancellationToken);
    }

    /// <summary>The fastest of the rounds, which on a busy machine is nearest to the truth, and the median.</summary>
    internal sealed record Cost(string Strategy, int Workers, double SelectNanoseconds, double EndNanoseconds, double MedianNanoseconds, double Bytes)
    {
        public override string ToString() => string.Create(
            CultureInfo.InvariantCulture,
            $"| {Strategy} | {Workers} | {SelectNanoseconds:0.0} | {EndNanoseconds:0.0} | {MedianNanoseconds:0.0} | {Bytes:0.##} |");
    }
}
