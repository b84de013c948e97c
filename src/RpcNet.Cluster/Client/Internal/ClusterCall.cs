using System.Runtime.InteropServices;

namespace RpcNet.Cluster.Client;

/// <summary>One call over all its tries: which workers it met, what became of it, how much time is left.</summary>
internal sealed class ClusterCall(RpcMethod method, RpcCallOptions? options, TimeSpan? timeout, TimeProvider time, CancellationToken cancellationToken)
{
    private readonly Lock _gate = new();
    private readonly long _started = time.GetTimestamp();
    private readonly List<Worker> _tried = [];
    private bool _mayHaveExecuted;
    private volatile bool _decided;

    public RpcMethod Method { get; } = method;

    public CancellationToken CancellationToken { get; } = cancellationToken;

    public SelectionRequest Request { get; } = new(options?.AffinityKey);

    public bool WaitsForReady { get; } = options?.WaitForReady ?? false;

    /// <summary>How often the call was sent, attempts that certainly reached no worker not counted.</summary>
    public int Sent { get; private set; }

    public int Tried
    {
        get
        {
            lock (_gate)
            {
                return _tried.Count;
            }
        }
    }

    public TimeSpan? Remaining => timeout is { } limit ? limit - time.GetElapsedTime(_started) : null;

    /// <summary>Whether another attempt of the same call has won.</summary>
    public bool IsDecided => _decided;

    public void Decide() => _decided = true;

    /// <summary>Selects a worker that the call has not met.</summary>
    public bool TrySelect(WorkerSelector selector, out WorkerLease lease)
    {
        lock (_gate)
        {
            if (!selector.TrySelect(Request, CollectionsMarshal.AsSpan(_tried), out lease))
            {
                return false;
            }

            _tried.Add(lease.Worker);
            Sent++;
            return true;
        }
    }

    /// <summary>Why no worker can be selected.</summary>
    public RpcFaultException Lack(WorkerSelector selector)
    {
        lock (_gate)
        {
            return selector.Failure(CollectionsMarshal.AsSpan(_tried));
        }
    }

    /// <summary>Lets the workers already met be chosen again: a caller that waits does not give up on them.</summary>
    public void ForgetTried()
    {
        lock (_gate)
        {
            _tried.Clear();
        }
    }

    /// <summary>
    /// The caller's options with what is left of the time. An attempt never waits for its own worker to come up: the call goes
    /// to another one.
    /// </summary>
    /// <exception cref="RpcFaultException">DeadlineExceeded.</exception>
    public RpcCallOptions? OptionsForAttempt()
    {
        if (Remaining is { } remaining)
        {
            return remaining > TimeSpan.Zero
                ? (options ?? new RpcCallOptions()) with { Timeout = remaining, WaitForReady = false }
                : throw DeadlineExceeded();
        }

        return WaitsForReady ? options! with { WaitForReady = false } : options;
    }

    public RpcFaultException DeadlineExceeded() =>
        new(RpcStatusCode.DeadlineExceeded, $"The deadline of {Method.FullName} passed.") { MayHaveExecuted = _mayHaveExecuted };

    /// <summary>Notes how an attempt failed.</summary>
    public void OnFault(RpcFaultException fault)
    {
        lock (_gate)
        {
            _mayHaveExecuted |= fault.MayHaveExecuted;
            if (WasNotSent(fault))
            {
                Sent--;
            }
        }
    }

    /// <summary>
    /// The fault that the caller sees after the last attempt: it names the workers tried, and that a handler may have run when
    /// one may have in any attempt.
    /// </summary>
    public RpcFaultException Conclude(RpcFaultException last)
    {
        lock (_gate)
        {
            return new RpcFaultException(
                last.Status,
                $"{Method.FullName} failed at {string.Join(", ", _tried.Take(5).Select(static w => w.Label))}; the last one: {last.Message}",
                last.Details,
                last)
            {
                MayHaveExecuted = _mayHaveExecuted,
                Trailers = last.Trailers,
            };
        }
    }

    /// <summary>Throws the conclusion when the last fault would not tell the whole truth.</summary>
    /// <exception cref="RpcFaultException">There were several attempts.</exception>
    public void ThrowUnlessLastTells(RpcFaultException last)
    {
        if (Tried > 1)
        {
            throw Conclude(last);
        }
    }

    /// <summary>No connection, or a server that is going away: another worker costs nobody anything.</summary>
    public static bool WasNotSent(RpcFaultException fault) => fault is { Status: RpcStatusCode.Unavailable, MayHaveExecuted: false };
}
