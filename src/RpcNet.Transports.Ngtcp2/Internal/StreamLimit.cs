using System.Diagnostics.CodeAnalysis;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>How many streams of one kind this side may open, and who waits for more. Guarded by the connection's open lock.</summary>
internal sealed class StreamLimit
{
    private readonly Lock _gate;
    private readonly Func<long, Stream> _create;
    private long _next;
    private long _max;
    private Queue<OpenWaiter>? _waiters;

    public StreamLimit(Lock gate, Func<long, Stream> create)
    {
        _gate = gate;
        _create = create;
    }

    /// <summary>A stream within the limit, or null: then wait.</summary>
    public Stream? TryOpen() => _next < _max && _waiters is not { Count: > 0 } ? _create(_next++) : null;

    public OpenWaiter Wait()
    {
        var waiter = new OpenWaiter();
        (_waiters ??= new Queue<OpenWaiter>()).Enqueue(waiter);
        return waiter;
    }

    /// <summary>The peer allows <paramref name="max"/> streams in all.</summary>
    public void Extend(long max)
    {
        lock (_gate)
        {
            _max = Math.Max(_max, max);
            while (_next < _max && TryDequeue(out var waiter))
            {
                if (waiter.TryClaim())
                {
                    waiter.Source.SetResult(_create(_next++));
                }
            }
        }
    }

    public void Fail(TransportException reason)
    {
        lock (_gate)
        {
            while (TryDequeue(out var waiter))
            {
                if (waiter.TryClaim())
                {
                    waiter.Source.SetException(reason.Copy());
                }
            }
        }
    }

    private bool TryDequeue([NotNullWhen(true)] out OpenWaiter? waiter)
    {
        waiter = null;
        return _waiters is { } waiters && waiters.TryDequeue(out waiter);
    }
}

/// <summary>A caller who waits to open a stream.</summary>
internal sealed class OpenWaiter
{
    private int _claimed;

    public TaskCompletionSource<ITransportStream> Source { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool TryClaim() => Interlocked.Exchange(ref _claimed, 1) == 0;

    public async ValueTask<ITransportStream> WaitAsync(CancellationToken cancellationToken)
    {
        using var registration = cancellationToken.UnsafeRegister(
            static (state, token) =>
            {
                var waiter = (OpenWaiter)state!;
                if (waiter.TryClaim())
                {
                    waiter.Source.SetCanceled(token);
                }
            },
            this);
        return await Source.Task.ConfigureAwait(false);
    }
}
