using System.Globalization;
using RpcNet.FailoverBench.Load;
using RpcNet.FailoverBench.Workers;

namespace RpcNet.FailoverBench.Scenarios;

/// <summary>A run: workers, load, what is done to the workers meanwhile, and what must hold afterwards.</summary>
internal abstract class Scenario(Settings settings)
{
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(2);

    protected Settings Settings { get; } = settings;

    /// <summary>Streaming calls that are open at each moment.</summary>
    protected virtual int Streams => 0;

    /// <summary>When workers were disturbed, in seconds from the start of the load.</summary>
    protected List<double> Disturbances { get; } = [];

    public static Scenario Create(Settings settings) => settings.Scenario switch
    {
        "kills" => new KillsScenario(settings),
        "rolling" => new RollingScenario(settings),
        _ => new OutageScenario(settings),
    };

    public async Task<int> RunAsync()
    {
        Directory.CreateDirectory(Settings.Out);
        var seed = $"127.0.0.1:{Fleet.FreePort()}";
        await using var caller = await Caller.StartAsync(Settings, seed);
        await using var fleet = new Fleet(Settings, seed);
        for (var i = 0; i < fleet.Count; i++)
        {
            fleet.Start(i);
        }

        await caller.WaitForWorkersAsync(fleet.Count);
        await WarmUpAsync(caller);
        Say($"{fleet.Count} workers are ready; {Settings.Rate} calls/s, {Settings.Writes:P0} of them not idempotent");
        using var meter = new RetryMeter();
        using var stop = new CancellationTokenSource();
        var load = new LoadGenerator(caller.Work, Settings, isWarmUp: false);
        var loading = load.RunAsync(Streams, stop.Token);
        try
        {
            await DisturbAsync(caller, fleet, load);
        }
        finally
        {
            await stop.CancelAsync();
        }

        var calls = await loading;
        var report = new Report(Settings, calls, Ledger.Read(Settings.Out), Disturbances, meter);
        report.Promise("every count of calls in flight is 0 at the end", await CountsReturnToZeroAsync(caller));
        report.Promise("no call that is not idempotent ran twice, and no call's outcome contradicts the ledgers", report is { RanTwice: 0, Contradictions: 0 });
        Judge(report);
        return report.Write(Settings);
    }

    /// <summary>What happens to the workers; the load ends when it returns.</summary>
    protected abstract Task DisturbAsync(Caller caller, Fleet fleet, LoadGenerator load);

    /// <summary>Adds the promises of this scenario.</summary>
    protected abstract void Judge(Report report);

    protected static void Say(FormattableString text) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:HH:mm:ss} {text.ToString(CultureInfo.InvariantCulture)}"));

    private async Task WarmUpAsync(Caller caller)
    {
        using var end = new CancellationTokenSource(WarmUp);
        await new LoadGenerator(caller.Work, Settings, isWarmUp: true).RunAsync(Streams, end.Token);
    }

    private static async Task<bool> CountsReturnToZeroAsync(Caller caller)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (caller.Registry.Workers.Any(static w => w.InFlight != 0))
        {
            if (limit.IsCancellationRequested)
            {
                return false;
            }

            await Task.Delay(50);
        }

        return true;
    }
}
