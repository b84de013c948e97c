using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster;

public sealed partial class WorkerRegistry
{
    private const double LeastWarmShare = 0.1;

    /// <summary>Takes the outcome of a call over.</summary>
    internal void RecordOutcome(Worker worker, TimeSpan duration, bool succeeded)
    {
        var health = worker.Health;
        var now = _time.GetTimestamp();
        if (succeeded)
        {
            health.Durations.Add(duration);
            health.Ewma.Observe(Math.Max(duration.TotalMilliseconds, 0.001), now, _ticksOfLatencyDecay);
            health.Record(succeeded: true);
            return;
        }

        // A quick refusal must not look like a quick answer.
        var penalty = Math.Clamp(health.Ewma.Milliseconds * 4, 100, 60_000);
        health.Ewma.Observe(Math.Max(duration.TotalMilliseconds, penalty), now, _ticksOfLatencyDecay);
        var failures = health.Record(succeeded: false);
        if (Options.Outliers.Enabled && failures >= Options.Outliers.ConsecutiveFailures && worker.State == WorkerState.Ready)
        {
            Eject(worker, $"{failures} calls in a row failed");
        }
    }

    /// <summary>Whether a warming worker gets the call it was chosen for: with a probability that rises from a tenth to 1.</summary>
    internal bool AdmitsWarming(Worker worker)
    {
        var elapsed = _time.GetElapsedTime(worker.WarmingSince);
        var share = Math.Max(LeastWarmShare, elapsed / Options.SlowStart);
        return share >= 1 || _random.NextDouble() < share;
    }

    /// <summary>A client of this director could not reach a worker; it is ejected once enough different ones say so.</summary>
    internal void OnReported(Worker worker, int reporters, int quorum, string reason)
    {
        if (reporters >= quorum)
        {
            Eject(worker, $"{reporters} clients could not reach it ({reason})");
            return;
        }

        RoutingLog.Reported(_logger, worker.Label, reporters, quorum, reason);
    }

    private void Eject(Worker worker, string reason)
    {
        var notices = new Notices();
        lock (_gate)
        {
            if (!TryEject(worker, reason, isSlow: false, notices))
            {
                return;
            }

            RebuildSelectors();
        }

        Raise(notices);
    }

    private bool TryEject(Worker worker, string reason, bool isSlow, Notices notices)
    {
        var health = worker.Health;
        if (worker.State == WorkerState.Gone || health.IsEjected)
        {
            return false;
        }

        var ejected = _workers.Values.Count(static w => w.Health.IsEjected);
        var slow = _workers.Values.Count(static w => w.Health is { IsEjected: true, IsSlow: true });
        if (ejected + 1 > Options.Outliers.MaxEjectedShare * _workers.Count
            || (isSlow && slow + 1 > Math.Max(1, Options.Outliers.MaxSlowShare * _workers.Count)))
        {
            RoutingLog.EjectionRefused(_logger, worker.Label, reason, ejected, _workers.Count);
            health.Reset();
            return false;
        }

        var now = _time.GetTimestamp();
        var wellFor = _time.GetElapsedTime(health.ReturnedAt, now);
        health.Ejections = health.Ejections > 0 && wellFor > Options.Outliers.BaseEjectionTime * 5 ? 1 : health.Ejections + 1;
        var pause = Options.Outliers.BaseEjectionTime * health.Ejections;
        pause = pause < Options.Outliers.MaxEjectionTime ? pause : Options.Outliers.MaxEjectionTime;
        health.EjectedUntil = now + (long)(pause.TotalSeconds * _time.TimestampFrequency);
        health.IsEjected = true;
        health.IsSlow = isSlow;
        RoutingMetrics.Ejections.Add(1);
        reason = $"{reason}; for {pause.TotalSeconds:0.#} s";
        notices.Ejected.Add((worker, reason));
        UpdateState(worker, reason, notices);
        return true;
    }

    /// <summary>Ends ejections and warm-ups that are over, and compares the workers with each other.</summary>
    private void OnTick()
    {
        var notices = new Notices();
        lock (_gate)
        {
            var now = _time.GetTimestamp();
            ReclaimSlots();
            var rebuild = false;
            foreach (var worker in _workers.Values)
            {
                var health = worker.Health;
                if (health.IsEjected && now >= health.EjectedUntil)
                {
                    health.IsEjected = false;
                    health.ReturnedAt = now;
                    health.Reset();
                    worker.SetWarming(Options.SlowStart > TimeSpan.Zero, now);
                    UpdateState(worker, "its ejection is over", notices);
                    rebuild = true;
                }
                else if (worker.IsWarming && _time.GetElapsedTime(worker.WarmingSince, now) >= Options.SlowStart)
                {
                    worker.SetWarming(false, now);
                    rebuild = true;
                }
            }

            if (Options.Outliers.Enabled)
            {
                foreach (var outlier in _outliers.Evaluate(_workers.Values))
                {
                    rebuild |= TryEject(outlier.Worker, outlier.Reason, outlier.IsSlow, notices);
                }
            }

            if (rebuild)
            {
                RebuildSelectors();
            }
        }

        Raise(notices);
    }

    internal void CountShed(WorkerSelector selector)
    {
        RoutingMetrics.Shed.Add(1);
        RoutingLog.Shed(_logger, selector.Expression);
        OnDecision(RoutingDecisionKind.Shed, worker: null, method: null, selector.Expression.ToString());
    }
}
