using RpcNet.FailoverBench.Load;
using RpcNet.FailoverBench.Workers;

namespace RpcNet.FailoverBench.Scenarios;

/// <summary>Workers die without a word, one after the other, and come back.</summary>
internal sealed class KillsScenario(Settings settings) : Scenario(settings)
{
    protected override async Task DisturbAsync(Caller caller, Fleet fleet, LoadGenerator load)
    {
        for (var i = 0; (i + 1) * Settings.Every < Settings.Seconds; i++)
        {
            await Task.Delay(TimeSpan.FromSeconds(Math.Max(0, ((i + 1) * Settings.Every) - load.Now)));
            var victim = i % fleet.Count;
            Disturbances.Add(load.Now);
            await fleet.KillAsync(victim);
            fleet.Start(victim);
            Say($"w{victim} was killed and is started again");
        }

        await Task.Delay(TimeSpan.FromSeconds(Math.Max(0, Settings.Seconds - load.Now)));
        await caller.WaitForWorkersAsync(fleet.Count);
    }

    protected override void Judge(Report report)
    {
        report.Promise("no idempotent call failed", report.FailedIdempotent == 0);
        report.Promise("the others failed only where the worker was lost and may have done it", report.UnprovenFailures == 0);
        report.Promise("a call took at most 1.2 attempts, over all calls", report.Amplification <= 1.2);
    }
}
