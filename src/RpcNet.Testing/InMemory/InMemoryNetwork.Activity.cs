namespace RpcNet.Testing.InMemory;

public sealed partial class InMemoryNetwork
{
    private const int QuietRounds = 8;

    private long _delayed;
    private long _waking;
    private long _activity;

    /// <summary>
    /// Messages under way, whose delay has yet to pass, and completed calls whose continuation has yet to run. Messages held
    /// by a partition do not count.
    /// </summary>
    public long InFlight => Interlocked.Read(ref _waking) + Interlocked.Read(ref _delayed);

    /// <summary>
    /// Waits until nothing moves any more unless the clock does: no completed call waits for the thread pool, and the pool
    /// itself has run dry. Messages whose delay has yet to pass are left alone.
    /// </summary>
    public async Task WaitForIdleAsync(CancellationToken cancellationToken = default)
    {
        for (var quiet = 0; quiet < QuietRounds;)
        {
            var activity = Interlocked.Read(ref _activity);
            await QueueBehindThePoolAsync().ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            var moved = activity != Interlocked.Read(ref _activity)
                || Interlocked.Read(ref _waking) != 0
                || ThreadPool.PendingWorkItemCount != 0;
            quiet = moved ? 0 : quiet + 1;
        }
    }

    internal void MessageSent(int count = 1) => Interlocked.Add(ref _delayed, count);

    internal void MessageArrived(int count = 1)
    {
        Interlocked.Add(ref _delayed, -count);
        Interlocked.Increment(ref _activity);
    }

    internal void Woken() => Interlocked.Increment(ref _waking);

    internal void Resumed()
    {
        Interlocked.Decrement(ref _waking);
        Interlocked.Increment(ref _activity);
    }

    private static Task QueueBehindThePoolAsync()
    {
        var ran = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ThreadPool.UnsafeQueueUserWorkItem(static ran => ran.SetResult(), ran, preferLocal: false);
        return ran.Task;
    }
}
