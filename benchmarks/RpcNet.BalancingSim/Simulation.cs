using System.Collections.Frozen;
using System.Net;
using System.Runtime.CompilerServices;
using RpcNet.Cluster;

namespace RpcNet.BalancingSim;

/// <summary>What one strategy made of one workload, after the warm-up.</summary>
internal sealed record Result(
    string Workload, string Strategy, int Calls, int Failed, double[] Shares, double OddShare, double P50, double P99, double P999, int MaxQueue);

/// <summary>
/// Discrete events in virtual time around the product's own registry: clients with a registry each send a Poisson stream
/// of calls to ten workers that queue first come, first served, and hear each worker's load every 50 ms.
/// </summary>
internal sealed class Simulation
{
    private const double ReportInterval = 0.050;

    private readonly Workload _workload;
    private readonly int _clients;
    private readonly VirtualTime _time = new();
    private readonly Random _random;
    private readonly PriorityQueue<Action, long> _events = new();
    private readonly SimWorker[] _workers;
    private readonly List<double> _latencies = [];
    private readonly Dictionary<long, double> _pending = [];
    private readonly int[] _counts = new int[Workload.Workers];
    private readonly double _seconds;
    private readonly double _warmUp;
    private long _lastCall;
    private int _failed;
    private int _maxQueue;

    public Simulation(Workload workload, int clients, double warmUp, double seconds, int seed)
    {
        _clients = clients;
        _workload = workload;
        _warmUp = warmUp;
        _seconds = seconds;
        _random = new Random(seed);
        _workers = [.. Enumerable.Range(0, Workload.Workers).Select(i => new SimWorker(workload.Places(i)))];
    }

    private double Now => TimeSpan.FromTicks(_time.GetTimestamp()).TotalSeconds;

    /// <param name="strategy">Who chooses; without reports each client knows of its own calls only.</param>
    public async Task<Result> RunAsync(Strategy strategy)
    {
        var registries = new List<WorkerRegistry>();
        for (var i = 0; i < _clients; i++)
        {
            var options = new WorkerRegistryOptions { MaxCallsPerWorker = 1_000_000 };
            strategy.Configure(options);
            var registry = new WorkerRegistry(SubscribeAsync, static () => "a", options, null, null, _time, seed: 100 + i);
            await registry.StartAsync();
            registries.Add(registry);
            var selector = registry.GetSelector("role=worker");
            Arrive(registry, selector);
            if (strategy.HearsReports)
            {
                After(ReportInterval, () => Report(registry, sequence: 1));
            }
        }

        var end = TimeSpan.FromSeconds(_warmUp + _seconds).Ticks;
        while (_events.TryPeek(out _, out var at) && at <= end)
        {
            var due = _events.Dequeue();
            _time.MoveTo(at);
            due();
        }

        foreach (var registry in registries)
        {
            await registry.DisposeAsync();
        }

        // A call still waiting at the end would vanish from the percentiles of a strategy that starves it.
        _latencies.AddRange(_pending.Values.Select(started => _warmUp + _seconds - started));
        _latencies.Sort();
        var total = Math.Max(1, _counts.Sum());
        var shares = Array.ConvertAll(_counts, c => (double)c / total);
        return new Result(
            _workload.Name, strategy.Name, total, _failed, shares, _workload.HasOdd ? shares[Workload.Odd] : double.NaN,
            Percentile(0.5), Percentile(0.99), Percentile(0.999), _maxQueue);
    }

    private async IAsyncEnumerable<ClusterEvent> SubscribeAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        yield return new ClusterSnapshot(default, [.. Enumerable.Range(0, Workload.Workers).Select(i => new ClusterMember
        {
            Id = new NodeId($"w{i}"),
            Generation = 1,
            Incarnation = 1,
            Address = new IPEndPoint(IPAddress.Loopback, 1000 + i),
            Tags = new Dictionary<string, string>
            {
                ["role"] = "worker",
                ["zone"] = i % 2 == 0 ? "a" : "b",
                ["capacity"] = _workload.HasCapacities ? $"{Workload.Capacity(i)}" : "1",
            }.ToFrozenDictionary(),
        })]);
        await Task.Delay(Timeout.Infinite, cancellationToken);
    }

    private void After(double seconds, Action action) =>
        _events.Enqueue(action, _time.GetTimestamp() + TimeSpan.FromSeconds(seconds).Ticks);

    private void Arrive(WorkerRegistry registry, WorkerSelector selector) =>
        After(-Math.Log(1 - _random.NextDouble()) * _clients / _workload.CallsPerSecond, () =>
        {
            Call(selector);
            Arrive(registry, selector);
        });

    private void Report(WorkerRegistry registry, long sequence)
    {
        foreach (var worker in registry.Workers)
        {
            registry.ApplyLoad(worker, new LoadReport { Sequence = sequence, InFlight = _workers[IndexOf(worker)].InFlight });
        }

        After(ReportInterval, () => Report(registry, sequence + 1));
    }

    private void Call(WorkerSelector selector)
    {
        var lease = selector.Select(new SelectionRequest($"user-{_random.Next(10_000)}"), []);
        var index = IndexOf(lease.Worker);
        var started = Now;
        var counts = started >= _warmUp;
        var id = ++_lastCall;
        if (counts)
        {
            _counts[index]++;
            _pending[id] = started;
        }

        var fails = _random.NextDouble() < _workload.FailureShare(index);
        var worker = _workers[index];
        worker.Enter(fails ? 0.001 : _workload.Service(_random, index), After, () =>
        {
            var elapsed = Now - started;
            lease.Complete(TimeSpan.FromSeconds(elapsed), !fails);
            lease.Dispose();
            if (_pending.Remove(id))
            {
                _latencies.Add(elapsed);
                _failed += fails ? 1 : 0;
            }
        });
        if (counts)
        {
            _maxQueue = Math.Max(_maxQueue, worker.Queued);
        }
    }

    private double Percentile(double share) => _latencies.Count == 0 ? double.NaN : _latencies[(int)(share * (_latencies.Count - 1))] * 1000;

    private static int IndexOf(Worker worker) => worker.Address.Port - 1000;

    private sealed class SimWorker(int places)
    {
        private readonly Queue<Action> _queue = new();
        private int _running;

        public int InFlight => _running + _queue.Count;

        public int Queued => _queue.Count;

        public void Enter(double service, Action<double, Action> after, Action done)
        {
            _queue.Enqueue(() => after(service, () =>
            {
                done();
                _running--;
                StartNext();
            }));
            StartNext();
        }

        private void StartNext()
        {
            if (_running < places && _queue.TryDequeue(out var start))
            {
                _running++;
                start();
            }
        }
    }
}
