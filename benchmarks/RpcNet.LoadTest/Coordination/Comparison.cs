using RpcNet.LoadTest.Reports;
using RpcNet.LoadTest.Systems;

namespace RpcNet.LoadTest.Coordination;

/// <summary>
/// Runs every scenario on every system. All systems are up at once and take turns window by window, in another order
/// each round, so that a disturbance of the machine hits all of them alike.
/// </summary>
internal sealed class Comparison(CompareOptions options, Progress progress) : IAsyncDisposable
{
    private static readonly TimeSpan SettleTime = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan IdleTimeout = TimeSpan.FromMinutes(5);

    private readonly Dictionary<LoadSystem, ProcessPair> _pairs = [];
    private readonly List<ResultRow> _rows = [];

    /// <summary>Systems asked for that cannot run here, and why.</summary>
    public List<(string Name, string Reason)> Unavailable { get; } = [];

    /// <summary>Runs everything; rows come in the order of scenarios.</summary>
    public async Task<IReadOnlyList<ResultRow>> RunAsync(CancellationToken cancellationToken)
    {
        var systems = SelectSystems();
        var points = options.Scenarios.SelectMany(s => Levels(s).Select(c => (Scenario: s, Concurrency: c))).ToList();
        progress.Start(points.Sum(p => systems.Count(s => s.Kinds.Contains(p.Scenario.Kind))) * (options.Rounds + 1));
        foreach (var (scenario, concurrency) in points)
        {
            var able = systems.Where(s => s.Kinds.Contains(scenario.Kind)).ToList();
            var rows = scenario.Kind == WorkKind.Idle
                ? await RunIdleAsync(scenario, able, concurrency, cancellationToken)
                : await RunWindowsAsync(scenario, able, concurrency, cancellationToken);
            rows.AddRange(systems.Except(able).Select(s => EmptyRow(scenario, s, concurrency) with { Note = "has no such work" }));
            var reference = rows.FirstOrDefault(static r => r.System == "grpc" && r.CallsPerSecond > 0)?.CallsPerSecond;
            _rows.AddRange(rows.Select(r => r with { RatioToGrpc = reference is { } g ? r.CallsPerSecond / g : 0 }));
        }

        progress.Finish();
        return _rows;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var pair in _pairs.Values)
        {
            await pair.DisposeAsync();
        }
    }

    private IReadOnlyList<int> Levels(Scenario scenario) => scenario.Kind switch
    {
        WorkKind.Idle => [options.Connections],
        _ => scenario.Concurrency ?? options.Concurrency,
    };

    private List<LoadSystem> SelectSystems()
    {
        List<LoadSystem> selected = [];
        foreach (var name in options.Systems)
        {
            var named = LoadSystem.All.Where(s => s.Name == name || s.Id == name).ToList();
            if (named.Count == 0)
            {
                throw new UsageException(
                    $"there is no system '{name}'; known are {string.Join(", ", LoadSystem.All.Select(static s => s.Name).Distinct())}");
            }

            foreach (var system in named)
            {
                if (system.Unavailable is { } reason)
                {
                    Unavailable.Add((system.Id, reason));
                }
                else
                {
                    selected.Add(system);
                }
            }
        }

        return selected;
    }

    private async Task<List<ResultRow>> RunWindowsAsync(
        Scenario scenario, List<LoadSystem> systems, int concurrency, CancellationToken cancellationToken)
    {
        var windows = systems.ToDictionary(static s => s, static _ => new List<PairResult>());
        var failures = new Dictionary<LoadSystem, string>();
        var orders = new Dictionary<LoadSystem, WorkOrder>();
        for (var round = 0; round <= options.Rounds; round++)
        {
            for (var i = 0; i < systems.Count; i++)
            {
                var system = systems[(i + round) % systems.Count];
                progress.Step($"{scenario.Name} {concurrency}, {(round == 0 ? "warm-up" : $"round {round}/{options.Rounds}")}: {system.Id}");
                if (failures.ContainsKey(system))
                {
                    continue;
                }

                try
                {
                    var pair = await GetPairAsync(system, cancellationToken);
                    if (round == 0)
                    {
                        orders[system] = await WarmUpAsync(pair, scenario, concurrency, cancellationToken);
                    }
                    else
                    {
                        windows[system].Add(await pair.RunAsync(orders[system], cancellationToken));
                    }
                }
                catch (ChildFailedException e)
                {
                    failures[system] = e.Message;
                    await DropPairAsync(system);
                }
            }
        }

        return [.. systems.Select(s => failures.TryGetValue(s, out var failure)
            ? EmptyRow(scenario, s, concurrency) with { Errors = 1, Note = failure }
            : EmptyRow(scenario, s, concurrency).With(scenario, windows[s]))];
    }

    /// <summary>Warms the scenario up and makes the order for its windows.</summary>
    private async Task<WorkOrder> WarmUpAsync(ProcessPair pair, Scenario scenario, int concurrency, CancellationToken cancellationToken)
    {
        var order = new WorkOrder
        {
            Kind = scenario.Kind, PayloadBytes = scenario.PayloadBytes, Concurrency = concurrency, Seconds = options.Seconds,
        };
        if (scenario.StreamShare < 1)
        {
            // Half of a rate needs the rate: the stream alone, on this connection, now.
            var alone = await pair.RunAsync(
                order with { Kind = WorkKind.Receive, PayloadBytes = Scenario.BulkMessageBytes, Seconds = options.WarmUpSeconds }, cancellationToken);
            var bytesPerSecond = alone.Client.Items / alone.Client.Seconds * Scenario.BulkMessageBytes;
            return order with { StreamBytesPerSecond = (long)(bytesPerSecond * scenario.StreamShare) };
        }

        if (options.WarmUpSeconds > 0)
        {
            await pair.RunAsync(order with { Seconds = options.WarmUpSeconds }, cancellationToken);
        }

        return order;
    }

    private async Task<List<ResultRow>> RunIdleAsync(
        Scenario scenario, List<LoadSystem> systems, int connections, CancellationToken cancellationToken)
    {
        List<ResultRow> rows = [];
        foreach (var system in systems)
        {
            progress.Step($"{scenario.Name} {connections}: {system.Id}", options.Rounds + 1);
            try
            {
                // Fresh processes: memory that earlier work left behind is no memory of connections.
                await DropPairAsync(system);
                var pair = await GetPairAsync(system, cancellationToken);
                rows.Add(EmptyRow(scenario, system, connections)
                    .With(await pair.HoldAsync(connections, SettleTime, IdleTimeout, cancellationToken)));
            }
            catch (ChildFailedException e)
            {
                rows.Add(EmptyRow(scenario, system, connections) with { Errors = 1, Note = e.Message });
                await DropPairAsync(system);
            }
        }

        return rows;
    }

    private static ResultRow EmptyRow(Scenario scenario, LoadSystem system, int concurrency) => new()
    {
        Scenario = scenario.Name,
        System = system.Name,
        Engine = system.Engine,
        Concurrency = concurrency,
        PayloadBytes = scenario.PayloadBytes,
    };

    private async Task<ProcessPair> GetPairAsync(LoadSystem system, CancellationToken cancellationToken)
    {
        if (!_pairs.TryGetValue(system, out var pair))
        {
            _pairs[system] = pair = await ProcessPair.StartAsync(system, cancellationToken);
        }

        return pair;
    }

    private async Task DropPairAsync(LoadSystem system)
    {
        if (_pairs.Remove(system, out var pair))
        {
            await pair.DisposeAsync();
        }
    }
}
