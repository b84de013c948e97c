using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace RpcNet.Core.Tests.Support;

/// <summary>The contract's implementation, with the hooks that tests steer it by.</summary>
public sealed class ProbeService : IProbe
{
    private readonly RpcContextAccessor _accessor = new();
    private int _calls;
    private int _running;
    private int _started;
    private int _cancelled;

    /// <summary>Completes <see cref="WaitAsync"/>.</summary>
    public TaskCompletionSource<int> Gate { get; set; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Runs inside <see cref="EchoAsync"/> and <see cref="RangeAsync"/> with the ambient call.</summary>
    public Func<RpcCallContext, ValueTask>? OnCall { get; set; }

    /// <summary>Handlers under way.</summary>
    public int Running => Volatile.Read(ref _running);

    public int Started => Volatile.Read(ref _started);

    public int Cancelled => Volatile.Read(ref _cancelled);

    /// <summary>Calls of <see cref="TouchAsync"/> and <see cref="CountCallsAsync"/>.</summary>
    public int TouchCount => Volatile.Read(ref _calls);

    public ConcurrentQueue<int> Received { get; } = new();

    public int Yielded;

    public ValueTask<int> AddAsync(int a, int b, CancellationToken cancellationToken) => new(a + b);

    public async ValueTask<string> EchoAsync(string text, CancellationToken cancellationToken)
    {
        if (OnCall is { } onCall)
        {
            await onCall(_accessor.Context!);
        }

        return text;
    }

    public ValueTask<int> CountCallsAsync(CancellationToken cancellationToken) => new(Interlocked.Increment(ref _calls));

    public ValueTask TouchAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _calls);
        return default;
    }

    public async ValueTask<int> WaitAsync(int id, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _running);
        Interlocked.Increment(ref _started);
        try
        {
            await Gate.Task.WaitAsync(cancellationToken);
            return id;
        }
        catch (OperationCanceledException)
        {
            Interlocked.Increment(ref _cancelled);
            throw;
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    public ValueTask<Payload> ResizeAsync(Payload payload, int size, CancellationToken cancellationToken)
    {
        var data = new byte[size];
        for (var i = 0; i < size; i++)
        {
            data[i] = (byte)(i * 31);
        }

        return new(new Payload(data, $"{payload.Data.Length}"));
    }

    public ValueTask<Borrower> BorrowAsync(Borrower value, CancellationToken cancellationToken) => new(value);

    public ValueTask FailAsync(int status, string message, byte[] details, CancellationToken cancellationToken) =>
        throw new RpcFaultException((RpcStatusCode)status, message, details);

    public ValueTask ThrowAsync(string message, CancellationToken cancellationToken) => throw new InvalidOperationException(message);

    public async IAsyncEnumerable<int> RangeAsync(
        int from, int count, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (OnCall is { } onCall)
        {
            await onCall(_accessor.Context!);
        }

        for (var i = 0; i < count; i++)
        {
            yield return from + i;
        }
    }

    public async IAsyncEnumerable<Payload> FloodAsync(int size, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _running);
        Interlocked.Increment(ref _started);
        try
        {
            var payload = new Payload(new byte[size]);
            while (true)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Interlocked.Increment(ref Yielded);
                yield return payload;
                await Task.Yield();
            }
        }
        finally
        {
            Interlocked.Increment(ref _cancelled);
            Interlocked.Decrement(ref _running);
        }
    }

    public async IAsyncEnumerable<int> BreakAsync(int after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var i = 0; i < after; i++)
        {
            yield return i;
        }

        await Task.Yield();
        throw new RpcFaultException(RpcStatusCode.DataLoss, "broken in mid-stream", new byte[] { 7 });
    }

    public async ValueTask<long> SumAsync(IAsyncEnumerable<int> items, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _running);
        Interlocked.Increment(ref _started);
        try
        {
            long sum = 0;
            await foreach (var item in items.WithCancellation(cancellationToken))
            {
                Received.Enqueue(item);
                sum += item;
            }

            return sum;
        }
        catch (OperationCanceledException)
        {
            Interlocked.Increment(ref _cancelled);
            throw;
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    public async ValueTask<int> TakeAsync(int count, IAsyncEnumerable<int> items, CancellationToken cancellationToken)
    {
        var taken = 0;
        await foreach (var item in items.WithCancellation(cancellationToken))
        {
            taken += item;
            if (--count == 0)
            {
                break;
            }
        }

        return taken;
    }

    public async IAsyncEnumerable<int> ScaleAsync(
        int factor, IAsyncEnumerable<int> items, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _running);
        try
        {
            await foreach (var item in items.WithCancellation(cancellationToken))
            {
                yield return item * factor;
            }
        }
        finally
        {
            Interlocked.Decrement(ref _running);
        }
    }

    public IAsyncEnumerable<string> MirrorAsync(IAsyncEnumerable<string> items, CancellationToken cancellationToken) => items;
}
