namespace RpcNet.Testing.InMemory;

/// <summary>
/// A call that waits. From its completion until its continuation runs the network counts it as in flight, so that virtual
/// time does not run ahead of the thread pool. Awaited exactly once.
/// </summary>
internal sealed class Waiter<T>(InMemoryNetwork network)
{
    private readonly TaskCompletionSource<T> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool TrySetResult(T result)
    {
        network.Woken();
        return Counted(_completion.TrySetResult(result));
    }

    public bool TrySetException(Exception exception)
    {
        network.Woken();
        return Counted(_completion.TrySetException(exception));
    }

    public bool TrySetCanceled(CancellationToken token)
    {
        network.Woken();
        return Counted(_completion.TrySetCanceled(token));
    }

    public async ValueTask<T> WaitAsync()
    {
        try
        {
            return await _completion.Task.ConfigureAwait(false);
        }
        finally
        {
            network.Resumed();
        }
    }

    private bool Counted(bool first)
    {
        if (!first)
        {
            network.Resumed();
        }

        return first;
    }
}
