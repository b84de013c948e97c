namespace RpcNet.Testing.Tests.Support;

/// <summary>Threads that take all the processor time they can get.</summary>
internal sealed class BusyThreads : IDisposable
{
    private readonly Thread[] _threads;
    private volatile bool _stop;

    public BusyThreads(int count)
    {
        _threads = [.. Enumerable.Range(0, count).Select(_ => new Thread(Spin) { IsBackground = true })];
        Array.ForEach(_threads, static t => t.UnsafeStart());
    }

    public void Dispose()
    {
        _stop = true;
        Array.ForEach(_threads, static t => t.Join());
    }

    private void Spin()
    {
        while (!_stop)
        {
            Thread.SpinWait(100);
        }
    }
}
