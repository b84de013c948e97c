using System.Diagnostics;
using RpcNet.FailoverBench.Load;
using RpcNet.FailoverBench.Workers;

namespace RpcNet.FailoverBench.Scenarios;

/// <summary>Every worker is replaced, as a deployment does it, under unary and streaming calls.</summary>
internal sealed class RollingScenario(Settings settings) : Scenario(settings)
{
    private readonly List<RpcFaultException?> _ends = [];
    private readonly List<int> _exitCodes = [];
    private TimeSpan _longestStop;

    protected override int Streams => 8;

    protected override async Task DisturbAsync(Caller caller, Fleet fleet, LoadGenerator load)
    {
        var endless = Enumerable.Range(0, fleet.Count).Select(i => EndlessAsync(caller, -1 - i)).ToList();
        await Task.Delay(TimeSpan.FromSeconds(2));
        for (var i = 0; i < fleet.Count; i++)
        {
            Disturbances.Add(load.Now);
            var started = Stopwatch.GetTimestamp();
            _exitCodes.Add(await fleet.StopAsync(i));
            var took = Stopwatch.GetElapsedTime(started);
            _longestStop = took > _longestStop ? took : _longestStop;
            fleet.Start(i);
            await caller.WaitForWorkersAsync(fleet.Count);
            Say($"w{i} drained for {took.TotalSeconds:0.0} s and is back");
            await Task.Delay(TimeSpan.FromSeconds(1));
        }

        _ends.AddRange(await Task.WhenAll(endless));
    }

    protected override void Judge(Report report)
    {
        report.Promise("no call of any kind failed", report is { FailedIdempotent: 0, FailedOther: 0, FailedStreams: 0 });
        report.Promise("every worker ended with exit code 0", _exitCodes.All(static c => c == 0));
        foreach (var end in _ends.Select(static e => e is null ? "an end without a fault" : $"{e.Status}: {e.Message}").Distinct())
        {
            Say($"a stream that outlived the drain ended with {end}");
        }

        report.Promise(
            "every stream that outlived the drain ended with Unavailable, saying that the server went away",
            _ends.All(static e => e is { Status: RpcStatusCode.Unavailable } && e.Message.Contains("shutting down", StringComparison.Ordinal)));
    }

    /// <summary>A stream that nobody ends; gives the fault that ends it. Its id is negative: it is no part of the count.</summary>
    private static async Task<RpcFaultException?> EndlessAsync(Caller caller, long id)
    {
        try
        {
            await foreach (var _ in caller.Work.CountAsync(id, int.MaxValue))
            {
            }

            return null;
        }
        catch (RpcFaultException e)
        {
            return e;
        }
    }
}
