using System.Collections.Concurrent;
using RpcNet.Cluster.Client;
using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster;

public sealed partial class WorkerRegistry
{
    private static readonly TimeSpan MinWatchPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan MaxWatchPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RefusedWatchPause = TimeSpan.FromSeconds(30);

    /// <summary>The time constant over which other callers' load is averaged: many reports, and yet no slower than ejection.</summary>
    private static readonly TimeSpan MeanLoadTime = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<Worker, (CancellationTokenSource Stop, Task Watching)> _watches = new(ReferenceEqualityComparer.Instance);

    /// <summary>Takes a load report over; one that is not newer than the last is ignored.</summary>
    internal void ApplyLoad(Worker worker, LoadReport report)
    {
        var notices = new Notices();
        lock (_gate)
        {
            if (worker.State == WorkerState.Gone || worker.Load?.Sequence >= report.Sequence)
            {
                return;
            }

            var (phase, capacity) = (worker.ReportedPhase, worker.Capacity);
            worker.Apply(report, _time.GetTimestamp(), MeanLoadTime.TotalSeconds * _time.TimestampFrequency, _random);
            if (worker.ReportedPhase == phase && worker.Capacity == capacity)
            {
                return;
            }

            UpdateState(worker, "by its own report", notices);
            RebuildSelectors();
        }

        Raise(notices);
    }

    private void ForgetLoad(Worker worker)
    {
        lock (_gate)
        {
            if (worker.State != WorkerState.Gone)
            {
                worker.ForgetReport();
            }
        }
    }

    private void OnAdded(Worker worker)
    {
        if (Channels is null || _stopping.IsCancellationRequested)
        {
            return;
        }

        if (Options.WatchLoad && _watches.Count < Options.MaxLoadWatches)
        {
            var stop = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
            _watches[worker] = (stop, Task.Run(() => WatchAsync(worker, stop.Token), CancellationToken.None));
        }
        else
        {
            Channels.Warm(worker);
        }
    }

    private void OnRemoved(Worker worker, string reason, bool failed)
    {
        if (_watches.TryRemove(worker, out var watch))
        {
            watch.Stop.Cancel();
            _ = watch.Watching.ContinueWith(
                static (_, stop) => ((CancellationTokenSource)stop!).Dispose(), watch.Stop,
                CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        Channels?.Retire(worker, reason, failed);
        foreach (var pool in _attached)
        {
            pool.Retire(worker, reason, failed);
        }
    }

    /// <summary>Follows the load of one worker for as long as it is one.</summary>
    private async Task WatchAsync(Worker worker, CancellationToken cancellationToken)
    {
        var failures = 0;
        while (!cancellationToken.IsCancellationRequested)
        {
            TimeSpan pause;
            try
            {
                using (var use = Channels!.Use(worker))
                {
                    var service = RpcContracts.Get<ILoadService>().CreateClient(use.Invoker);
                    await foreach (var report in service.WatchAsync(cancellationToken).ConfigureAwait(false))
                    {
                        failures = 0;
                        ApplyLoad(worker, report);
                    }
                }

                pause = BackOff.Jittered(MaxWatchPause, _random);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (RpcFaultException e) when (e.Status == RpcStatusCode.Unimplemented)
            {
                RoutingLog.LoadNotReported(_logger, worker.Label, worker.Address);
                return;
            }
            catch (Exception e)
            {
                RoutingLog.LoadWatchFailed(_logger, worker.Label, worker.Address, e.Message);
                pause = e is RpcFaultException { Status: RpcStatusCode.ResourceExhausted }
                    ? BackOff.Jittered(RefusedWatchPause, _random)
                    : BackOff.Growing(MinWatchPause, failures++, MaxWatchPause, _random);
            }

            ForgetLoad(worker);
            await Task.Delay(pause, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
