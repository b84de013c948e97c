using System.Runtime.CompilerServices;

namespace RpcNet.FailoverBench.Workers;

/// <summary>The handlers of a worker process.</summary>
internal sealed class WorkService(WorkSettings settings, Ledger ledger) : IWork
{
    private static readonly TimeSpan BetweenItems = TimeSpan.FromMilliseconds(50);

    public async ValueTask<string> ReadAsync(long id, CancellationToken cancellationToken)
    {
        ledger.Enter(id);
        await Task.Delay(settings.Work, cancellationToken);
        return settings.Label;
    }

    public ValueTask<string> WriteAsync(long id, CancellationToken cancellationToken) => ReadAsync(id, cancellationToken);

    public async IAsyncEnumerable<int> CountAsync(long id, int items, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ledger.Enter(id);
        for (var i = 0; i < items; i++)
        {
            yield return i;
            await Task.Delay(BetweenItems, cancellationToken);
        }
    }

    public async ValueTask<long> SumAsync(long id, IAsyncEnumerable<int> values, CancellationToken cancellationToken)
    {
        ledger.Enter(id);
        long sum = 0;
        await foreach (var value in values.WithCancellation(cancellationToken))
        {
            sum += value;
        }

        return sum;
    }
}

/// <summary>Who a worker process is and how long its handlers take.</summary>
internal sealed record WorkSettings(string Label, TimeSpan Work);
