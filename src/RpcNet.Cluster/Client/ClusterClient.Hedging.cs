using RpcNet.Cluster.Client;

namespace RpcNet.Cluster;

public sealed partial class ClusterClient
{
    /// <summary>After which time a call of this method goes to a second worker; null for never.</summary>
    private TimeSpan? HedgingDelay(RpcMethod method)
    {
        if (_options.HedgingPercentile is not { } share)
        {
            return _options.HedgingDelay;
        }

        var measured = Latencies(method).Percentile(share);
        return measured is null || measured < _options.HedgingDelay ? _options.HedgingDelay : measured;
    }

    /// <summary>Makes the call, and after the delay makes it at a second worker too; the first success wins.</summary>
    private async ValueTask<TResponse> HedgeAsync<TRequest, TResponse>(
        ClusterCall call, RpcUnaryMethod<TRequest, TResponse> method, TRequest request, TimeSpan delay)
    {
        using var attempts = CancellationTokenSource.CreateLinkedTokenSource(call.CancellationToken);
        var first = await SelectAsync(call, last: null, attempts.Token).ConfigureAwait(false);
        var primary = TryWorkersAsync(call, method, request, first, attempts.Token).AsTask();
        Task<TResponse>? hedge = null;
        try
        {
            if (await CompletesWithinAsync(primary, delay, attempts.Token).ConfigureAwait(false) || !TryStartHedge(out var second))
            {
                return await primary.ConfigureAwait(false);
            }

            RoutingMetrics.Hedges.Add(1);
            RoutingLog.Hedged(_logger, method.FullName, first.Worker.Label, second.Worker.Label, delay);
            _registry.OnDecision(RoutingDecisionKind.Hedged, second.Worker, method.FullName, $"{first.Worker.Label} has not answered");
            hedge = AttemptAsync(call, second, method, request, attempts.Token).AsTask();
            var winner = await Task.WhenAny(primary, hedge).ConfigureAwait(false);
            if (!winner.IsCompletedSuccessfully)
            {
                winner = winner == primary ? hedge : primary;
            }

            return await winner.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (call.CancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(call.CancellationToken);
        }
        finally
        {
            call.Decide();
            await attempts.CancelAsync().ConfigureAwait(false);
            await ((Task)primary).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (hedge is not null)
            {
                await ((Task)hedge).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        bool TryStartHedge(out WorkerLease second)
        {
            second = default;
            if (call.Sent >= _options.MaxAttempts || !call.TrySelect(_selector, out second))
            {
                return false;
            }

            if (_budget.TryTake())
            {
                return true;
            }

            OnRetryRefused(method, first.Worker, $"{first.Worker.Label} has not answered");
            second.Dispose();
            return false;
        }
    }

    private async ValueTask<bool> CompletesWithinAsync(Task task, TimeSpan delay, CancellationToken cancellationToken)
    {
        if (task.IsCompleted)
        {
            return true;
        }

        using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var completed = await Task.WhenAny(task, Task.Delay(delay, _time, timer.Token)).ConfigureAwait(false) == task;
        await timer.CancelAsync().ConfigureAwait(false);
        return completed;
    }
}
