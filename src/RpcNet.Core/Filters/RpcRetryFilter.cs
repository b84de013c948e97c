namespace RpcNet.Filters;

/// <summary>Sends a client's calls again where that does no harm, after a pause that grows, within the call's deadline.</summary>
/// <remarks>
/// Sent again is what the server or the connection proved not to have run (refused by a limit, by a drain, by GOAWAY, or
/// never sent: <see cref="RpcFaultException.MayHaveExecuted"/> is false), and, for idempotent methods, what
/// <see cref="RpcRetryOptions.IdempotentStatuses"/> names. Pause before attempt n + 1:
/// <c>min(MaxDelay, InitialDelay · 2^(n−1)) · (0.5 … 1)</c>, at random so that clients which failed together do not return
/// together. A call whose deadline would pass during the pause fails at once. Calls with a stream are sent again only until
/// they have a connection: whoever reads or writes the stream has seen the beginning of it. For a pool of servers, the
/// cluster client's retries, which go elsewhere and share a budget, are the better ones.
/// </remarks>
public sealed class RpcRetryFilter : IRpcFilter
{
    private readonly RpcRetryOptions _options;
    private readonly TimeProvider _time;
    private readonly Random _random;

    /// <summary>Creates the filter, for one client or several.</summary>
    /// <param name="options">How often and when; null takes the defaults.</param>
    /// <param name="timeProvider">The clock; null takes the system's.</param>
    /// <param name="random">The source of jitter, which the filter uses under a lock; null makes one.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public RpcRetryFilter(RpcRetryOptions? options = null, TimeProvider? timeProvider = null, Random? random = null)
    {
        _options = options ?? new RpcRetryOptions();
        _options.Validate();
        _time = timeProvider ?? TimeProvider.System;
        _random = random ?? new Random(unchecked((int)_time.GetTimestamp()));
    }

    /// <inheritdoc/>
    public async ValueTask InvokeAsync(RpcCallContext context, RpcFilterDelegate next)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(next);
        if (context.Side == RpcCallSide.Server)
        {
            throw new InvalidOperationException("RpcRetryFilter is a client's filter: a server cannot send a call again.");
        }

        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await next(context).ConfigureAwait(false);
                return;
            }
            catch (RpcFaultException fault) when (attempt < _options.MaxAttempts && IsHarmless(context, fault))
            {
                var delay = NextDelay(attempt);
                if (context.RemainingTime <= delay)
                {
                    throw;
                }

                await Task.Delay(delay, _time, context.CancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Whether the call may be sent again after this.</summary>
    private bool IsHarmless(RpcCallContext context, RpcFaultException fault)
    {
        if (context.Method.Kind != RpcMethodKind.Unary && context.RemoteEndPoint is not null)
        {
            return false;
        }

        return fault.MayHaveExecuted
            ? context.Method.Idempotent && _options.IdempotentStatuses.Contains(fault.Status)
            : fault.Status is RpcStatusCode.Unavailable or RpcStatusCode.ResourceExhausted;
    }

    private TimeSpan NextDelay(int attempt)
    {
        double share;
        lock (_random)
        {
            share = 0.5 + (0.5 * _random.NextDouble());
        }

        var full = _options.InitialDelay * Math.Pow(2, Math.Min(attempt - 1, 30));
        return (full < _options.MaxDelay ? full : _options.MaxDelay) * share;
    }
}
