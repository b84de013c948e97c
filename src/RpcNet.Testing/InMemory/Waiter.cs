namespace RpcNet.Testing.InMemory;

/// <summary>A call that waits; completed at most once, by way of <see cref="InMemoryNetwork.Resume{TState}"/>.</summary>
internal sealed class Waiter<T>(InMemoryNetwork network)
{
    // Continuations run inline, since the network completes it on a thread of the pool and counts until they have run.
    private readonly TaskCompletionSource<T> _completion = new();
    private int _completed;

    public bool TrySetResult(T result) =>
        First() && network.Resume((_completion, result), static s => s._completion.SetResult(s.result));

    public bool TrySetException(Exception exception) =>
        First() && network.Resume((_completion, exception), static s => s._completion.SetException(s.exception));

    public bool TrySetCanceled(CancellationToken token) =>
        First() && network.Resume((_completion, token), static s => s._completion.SetCanceled(s.token));

    public async ValueTask<T> WaitAsync() => await _completion.Task.ConfigureAwait(false);

    private bool First() => Interlocked.Exchange(ref _completed, 1) == 0;
}
