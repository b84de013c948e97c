using System.Collections.Concurrent;

namespace RpcNet.Cluster.Client;

/// <summary>Tasks that nobody awaits until the end, which log their own failures.</summary>
internal sealed class BackgroundTasks
{
    private readonly ConcurrentDictionary<Task, byte> _running = new();

    public void Add(Task task)
    {
        if (task.IsCompleted)
        {
            return;
        }

        _running[task] = 0;
        _ = task.ContinueWith(
            static (task, running) => ((ConcurrentDictionary<Task, byte>)running!).TryRemove(task, out _),
            _running, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>Waits for those that run now.</summary>
    public Task WhenDoneAsync() => Task.WhenAll(_running.Keys);
}
