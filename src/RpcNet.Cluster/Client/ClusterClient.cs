using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using RpcNet.Cluster.Client;

namespace RpcNet.Cluster;

/// <summary>Makes each call at a worker of the cluster that is fit for it, and at another one when that fails.</summary>
/// <remarks>
/// <para>
/// A call moves on to a worker that it has not met when the failure proves that no handler ran, and, if its method is
/// idempotent, also when the worker was lost in the middle. Streaming calls move on until the first item, and until their
/// input has been read from. All tries share the call's deadline, and retries and hedges share one budget.
/// </para>
/// <para>All members may be called concurrently. The client owns nothing: dispose the registry, then its pool.</para>
/// </remarks>
public sealed partial class ClusterClient : RpcInvoker
{
    private static readonly TimeSpan WaitForReadyPause = TimeSpan.FromMilliseconds(50);

    private readonly WorkerRegistry _registry;
    private readonly WorkerChannelPool _channels;
    private readonly ClusterClientOptions _options;
    private readonly WorkerSelector _selector;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly RetryBudget _budget;
    private readonly RpcContextAccessor _context = new();
    private readonly ConcurrentDictionary<RpcMethod, LatencyHistogram> _latencies = new(ReferenceEqualityComparer.Instance);

    /// <summary>Creates a client over the workers of a registry that has connections.</summary>
    /// <exception cref="ArgumentException">
    /// An option is out of its range (the message names it), or the registry was made without a pool of connections.
    /// </exception>
    public ClusterClient(WorkerRegistry registry, ClusterClientOptions? options = null, ILoggerFactory? loggerFactory = null)
    {
        ArgumentNullException.ThrowIfNull(registry);
        _registry = registry;
        _options = options ?? new ClusterClientOptions();
        if (_options.Validate().FirstOrDefault() is { } complaint)
        {
            throw new ArgumentException(complaint, nameof(options));
        }

        _channels = registry.Channels
            ?? throw new ArgumentException("The registry has no connections: give it a WorkerChannelPool.", nameof(registry));
        _selector = registry.GetSelector(_options.Tags);
        _time = registry.Time;
        _logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<ClusterClient>();
        _budget = new RetryBudget(_options.RetryBudget, _options.RetryReserve, _options.RetryBurst);
    }

    /// <summary>The workers that calls go to.</summary>
    public WorkerSelector Workers => _selector;

    /// <summary>How many retries and hedges could be made at once now.</summary>
    public double AvailableRetries => _budget.Available;

    /// <summary>Makes a client of a contract.</summary>
    /// <exception cref="InvalidOperationException">The interface is no contract.</exception>
    public TService CreateClient<TService>(RpcCallOptions? options = null)
        where TService : class =>
        RpcContracts.Get<TService>().CreateClient(this, options);

    /// <inheritdoc/>
    public override ValueTask<TResponse> InvokeUnaryAsync<TRequest, TResponse>(
        RpcUnaryMethod<TRequest, TResponse> method,
        TRequest request,
        RpcCallOptions? options,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(method);
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<TResponse>(cancellationToken);
        }

        var call = StartCall(method, options, cancellationToken);
        return method.Idempotent && HedgingDelay(method) is { } delay
            ? HedgeAsync(call, method, request, delay)
            : TryWorkersAsync(call, method, request, first: default, cancellationToken);
    }

    private ClusterCall StartCall(RpcMethod method, RpcCallOptions? options, CancellationToken cancellationToken)
    {
        var timeout = options?.Timeout ?? method.Timeout ?? _options.DefaultTimeout;
        if (_context.Context?.RemainingTime is { } remaining && (timeout is null || remaining < timeout))
        {
            timeout = remaining;
        }

        _budget.Earn();
        return new ClusterCall(method, options, timeout, _time, cancellationToken);
    }

    /// <summary>Tries one worker after the other.</summary>
    /// <param name="first">The worker of the first attempt if it was selected already.</param>
    /// <param name="cancellationToken">The caller's token, or one that a hedge cancels too.</param>
    private async ValueTask<TResponse> TryWorkersAsync<TRequest, TResponse>(
        ClusterCall call, RpcUnaryMethod<TRequest, TResponse> method, TRequest request, WorkerLease first, CancellationToken cancellationToken)
    {
        var lease = first;
        RpcFaultException? last = null;
        while (true)
        {
            if (lease.Worker is null)
            {
                lease = await SelectAsync(call, last, cancellationToken).ConfigureAwait(false);
            }

            try
            {
                return await AttemptAsync(call, lease, method, request, cancellationToken).ConfigureAwait(false);
            }
            catch (RpcFaultException e)
            {
                if (!MovesOn(call, lease.Worker, e, inputIsIntact: true))
                {
                    call.ThrowUnlessLastTells(e);
                    throw;
                }

                last = e;
                lease = default;
            }
        }
    }

    /// <summary>Selects the worker of the next attempt.</summary>
    /// <exception cref="RpcFaultException">None is left; <paramref name="last"/> tells why the one before failed.</exception>
    private async ValueTask<WorkerLease> SelectAsync(ClusterCall call, RpcFaultException? last, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (call.TrySelect(_selector, out var lease))
            {
                RoutingLog.Selected(_logger, call.Method.FullName, lease.Worker.Label, lease.Worker.Address);
                return lease;
            }

            var lack = call.Lack(_selector);
            if (!call.WaitsForReady || lack.Status != RpcStatusCode.Unavailable)
            {
                throw last is null ? lack : call.Conclude(last);
            }

            var pause = WaitForReadyPause;
            if (call.Remaining is { } remaining)
            {
                pause = remaining > TimeSpan.Zero ? (remaining < pause ? remaining : pause) : throw call.DeadlineExceeded();
            }

            await Task.Delay(pause, _time, cancellationToken).ConfigureAwait(false);
            call.ForgetTried();
        }
    }

    private async ValueTask<TResponse> AttemptAsync<TRequest, TResponse>(
        ClusterCall call,
        WorkerLease lease,
        RpcUnaryMethod<TRequest, TResponse> method,
        TRequest request,
        CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        try
        {
            var options = call.OptionsForAttempt();
            using var use = _channels.Use(lease.Worker);
            var response = await use.Invoker.InvokeUnaryAsync(method, request, options, cancellationToken).ConfigureAwait(false);
            var elapsed = _time.GetElapsedTime(started);
            lease.Complete(elapsed, succeeded: true);
            if (_options.HedgingPercentile is not null)
            {
                Latencies(method).Add(elapsed);
            }

            return response;
        }
        catch (RpcFaultException e)
        {
            lease.Complete(_time.GetElapsedTime(started), !BlamesWorker(e));
            throw;
        }
        catch (OperationCanceledException) when (call.IsDecided)
        {
            // Another worker was faster: that this one had not answered by now is a measurement.
            lease.Complete(_time.GetElapsedTime(started), succeeded: true);
            throw;
        }
        catch (OperationCanceledException) when (call.CancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(call.CancellationToken);
        }
        finally
        {
            lease.Dispose();
        }
    }

    /// <summary>Whether the call goes on to another worker after this fault.</summary>
    private bool MovesOn(ClusterCall call, Worker worker, RpcFaultException fault, bool inputIsIntact)
    {
        call.OnFault(fault);
        if (!inputIsIntact || call.CancellationToken.IsCancellationRequested || call.IsDecided || call.Remaining <= TimeSpan.Zero)
        {
            return false;
        }

        if (ClusterCall.WasNotSent(fault))
        {
            RoutingMetrics.Failovers.Add(1);
            RoutingLog.FailedOver(_logger, call.Method.FullName, worker.Label, worker.Address, fault.Message);
            _registry.OnDecision(RoutingDecisionKind.FailedOver, worker, call.Method.FullName, fault.Message);
            return true;
        }

        var mayRepeat = fault.Status switch
        {
            RpcStatusCode.Unavailable => call.Method.Idempotent,
            RpcStatusCode.ResourceExhausted => !fault.MayHaveExecuted,
            _ => false,
        };
        if (!mayRepeat || call.Sent >= _options.MaxAttempts)
        {
            return false;
        }

        if (!_budget.TryTake())
        {
            RoutingLog.RetryRefused(_logger, call.Method.FullName, fault.Message);
            OnRetryRefused(call.Method, worker, fault.Message);
            return false;
        }

        RoutingMetrics.Retries.Add(1);
        RoutingLog.Retried(_logger, call.Method.FullName, worker.Label, worker.Address, fault.Message);
        _registry.OnDecision(RoutingDecisionKind.Retried, worker, call.Method.FullName, fault.Message);
        return true;
    }

    private void OnRetryRefused(RpcMethod method, Worker worker, string reason)
    {
        RoutingMetrics.RetriesRefused.Add(1);
        _registry.OnDecision(RoutingDecisionKind.RetryRefused, worker, method.FullName, reason);
    }

    /// <summary>Whether the fault says something of the worker rather than of the request.</summary>
    private static bool BlamesWorker(RpcFaultException fault) => fault.Status is RpcStatusCode.Unavailable
        or RpcStatusCode.Internal or RpcStatusCode.Unknown or RpcStatusCode.DataLoss or RpcStatusCode.DeadlineExceeded;

    private LatencyHistogram Latencies(RpcMethod method) => _latencies.GetOrAdd(method, static _ => new LatencyHistogram());
}
