using System.Collections.Concurrent;
using System.Diagnostics;

namespace RpcNet.FailoverBench.Load;

/// <summary>
/// Makes calls at fixed times, whether or not earlier ones were answered: a cluster that stalls does not slow the load that
/// measures it.
/// </summary>
internal sealed class LoadGenerator(IWork work, Settings settings, bool isWarmUp)
{
    private const int StreamItems = 20;
    private static readonly RpcCallOptions Options = new() { Timeout = TimeSpan.FromSeconds(20) };

    private readonly IWork _work = work.WithCallOptions(Options);
    private readonly ConcurrentQueue<CallRecord> _records = new();
    private readonly Stopwatch _clock = new();
    private long _lastId;

    public double Now => _clock.Elapsed.TotalSeconds;

    /// <summary>Makes calls until told to stop, and waits for their ends.</summary>
    /// <param name="streams">How many streaming calls are open at each moment besides, half of them uploads.</param>
    public async Task<IReadOnlyCollection<CallRecord>> RunAsync(int streams, CancellationToken stop)
    {
        _clock.Start();
        var streaming = Enumerable.Range(0, streams).Select(i => StreamAsync(i % 2 == 0, stop)).ToList();
        var calls = new List<Task>();
        var random = new Random(1);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
        while (!stop.IsCancellationRequested)
        {
            while (calls.Count / (double)settings.Rate is var due && due <= Now)
            {
                calls.Add(CallAsync(random.NextDouble() < settings.Writes ? CallKind.Write : CallKind.Read, due));
            }

            await timer.WaitForNextTickAsync(CancellationToken.None);
        }

        await Task.WhenAll(calls);
        await Task.WhenAll(streaming);
        return _records;
    }

    /// <summary>Ids of the warm-up are negative: the ledgers' reader leaves them out.</summary>
    private long NextId() => Interlocked.Increment(ref _lastId) * (isWarmUp ? -1 : 1);

    private async Task CallAsync(CallKind kind, double due)
    {
        var id = NextId();
        RpcFaultException? fault = null;
        try
        {
            await (kind == CallKind.Write ? _work.WriteAsync(id) : _work.ReadAsync(id));
        }
        catch (RpcFaultException e)
        {
            fault = e;
        }

        _records.Enqueue(new CallRecord(id, kind, due, (Now - due) * 1000, fault));
    }

    /// <summary>One streaming call after the other, each about a second long.</summary>
    private async Task StreamAsync(bool upload, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var id = NextId();
            var due = Now;
            RpcFaultException? fault = null;
            try
            {
                if (upload)
                {
                    var sum = await _work.SumAsync(id, NumbersAsync());
                    Check(sum == StreamItems * (StreamItems - 1) / 2, $"the sum is {sum}");
                }
                else
                {
                    var next = 0;
                    await foreach (var item in _work.CountAsync(id, StreamItems))
                    {
                        Check(item == next++, $"item {item} instead of {next - 1}");
                    }

                    Check(next == StreamItems, $"{next} items");
                }
            }
            catch (RpcFaultException e)
            {
                fault = e;
            }

            _records.Enqueue(new CallRecord(id, upload ? CallKind.Sum : CallKind.Count, due, (Now - due) * 1000, fault));
        }

        static void Check(bool holds, string complaint)
        {
            if (!holds)
            {
                throw new InvalidOperationException($"A stream succeeded with wrong content: {complaint}.");
            }
        }
    }

    private static async IAsyncEnumerable<int> NumbersAsync()
    {
        for (var i = 0; i < StreamItems; i++)
        {
            yield return i;
            await Task.Delay(50);
        }
    }
}
