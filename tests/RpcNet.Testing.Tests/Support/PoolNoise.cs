namespace RpcNet.Testing.Tests.Support;

/// <summary>Work of others on the thread pool, so that it is never found empty.</summary>
internal sealed class PoolNoise : IDisposable
{
    private readonly Task[] _loops;
    private volatile bool _stop;

    public PoolNoise()
    {
        using (ExecutionContext.SuppressFlow())
        {
            _loops = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(LoopAsync))];
        }
    }

    public void Dispose()
    {
        _stop = true;
        Task.WaitAll(_loops);
    }

    private async Task LoopAsync()
    {
        while (!_stop)
        {
            await Task.Run(static () => Thread.SpinWait(50));
        }
    }
}
