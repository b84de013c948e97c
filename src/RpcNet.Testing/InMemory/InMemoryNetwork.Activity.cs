namespace RpcNet.Testing.InMemory;

public sealed partial class InMemoryNetwork
{
    private const int QuietRounds = 8;

    // The pool belongs to the whole process, other tests included, and may never be found empty.
    private const int QuietRoundsOfABusyPool = 64;

    private long _delayed;
    private long _resuming;
    private long _activity;

    /// <summary>
    /// Messages under way, whose delay has yet to pass, and completed calls whose continuations have yet to run or are running.
    /// Messages held by a partition do not count.
    /// </summary>
    public long InFlight => Interlocked.Read(ref _resuming) + Interlocked.Read(ref _delayed);

    /// <summary>
    /// Waits until nothing seems to move any more unless the clock does: no completed call has continuations to run, and work
    /// that went on to the thread pool from there has probably had its turn. Messages whose delay has yet to pass are left alone.
    /// </summary>
    /// <remarks>
    /// A guess, not a proof: a thread of the pool that the machine has interrupted, or that runs for long without a call to the
    /// network, goes unseen, and so do threads outside of the pool. A test that must not depend on it uses
    /// <see cref="RpcTestCluster"/>, which counts.
    /// </remarks>
    public async Task WaitForIdleAsync(CancellationToken cancellationToken = default)
    {
        var quiet = 0;
        for (var poolWasEmpty = 0; poolWasEmpty < QuietRounds && quiet < QuietRoundsOfABusyPool;)
        {
            var activity = Interlocked.Read(ref _activity);
            await QueueBehindThePoolAsync().ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            if (activity != Interlocked.Read(ref _activity) || Interlocked.Read(ref _resuming) != 0)
            {
                quiet = poolWasEmpty = 0;
            }
            else
            {
                quiet++;
                poolWasEmpty = ThreadPool.PendingWorkItemCount == 0 ? poolWasEmpty + 1 : 0;
            }
        }
    }

    internal void MessageSent(int count = 1) => Interlocked.Add(ref _delayed, count);

    internal void MessageArrived(int count = 1)
    {
        Interlocked.Add(ref _delayed, -count);
        Interlocked.Increment(ref _activity);
    }

    /// <summary>Completes something on the thread pool; in flight until all that waits for it has run as far as it can.</summary>
    /// <returns>True.</returns>
    internal bool Resume<TState>(TState state, Action<TState> complete)
    {
        Interlocked.Increment(ref _resuming);

        // A caller from outside of the test cluster makes the cluster work all the same.
        using var scope = Tracker?.Enter();
        ThreadPool.UnsafeQueueUserWorkItem(
            static s =>
            {
                try
                {
                    s.complete(s.state);
                }
                finally
                {
                    Interlocked.Increment(ref s.Item1._activity);
                    Interlocked.Decrement(ref s.Item1._resuming);
                }
            },
            (this, state, complete),
            preferLocal: false);
        return true;
    }

    private static Task QueueBehindThePoolAsync()
    {
        var ran = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ThreadPool.UnsafeQueueUserWorkItem(static ran => ran.SetResult(), ran, preferLocal: false);
        return ran.Task;
    }
}
