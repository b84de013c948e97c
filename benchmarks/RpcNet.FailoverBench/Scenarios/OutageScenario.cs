using RpcNet.FailoverBench.Load;
using RpcNet.FailoverBench.Workers;

namespace RpcNet.FailoverBench.Scenarios;

/// <summary>Half of the workers die at once and stay dead.</summary>
internal sealed class OutageScenario(Settings settings) : Scenario(settings)
{
    protected override async Task DisturbAsync(Caller caller, Fleet fleet, LoadGenerator load)
    {
        await Task.Delay(TimeSpan.FromSeconds(Settings.Seconds / 4));
        Disturbances.Add(load.Now);
        await Task.WhenAll(Enumerable.Range(0, fleet.Count / 2).Select(fleet.KillAsync));
        Say($"{fleet.Count / 2} of {fleet.Count} workers were killed");
        await Task.Delay(TimeSpan.FromSeconds(Settings.Seconds * 3 / 4));
    }

    protected override void Judge(Report report)
    {
        report.Promise("a call took at most 1.2 attempts, over all calls", report.Amplification <= 1.2);
        report.Promise("no idempotent call failed", report.FailedIdempotent == 0);
        report.Promise("the others failed only where the worker was lost and may have done it", report.UnprovenFailures == 0);
    }
}
