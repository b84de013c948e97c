namespace RpcNet.ClusterNode;

/// <summary>Blocks every thread that the pool may have, and proves it.</summary>
internal static class Starvation
{
    public static void Run(TimeSpan time)
    {
        ThreadPool.GetMinThreads(out var minWorkers, out var minIo);
        ThreadPool.GetMaxThreads(out var maxWorkers, out var maxIo);
        var threads = Math.Max(Environment.ProcessorCount, ThreadPool.ThreadCount);
        if (!ThreadPool.SetMinThreads(1, minIo) || !ThreadPool.SetMaxThreads(threads, maxIo))
        {
            Output.Write("starvation impossible");
            return;
        }

        using var gate = new ManualResetEventSlim();
        using var blocked = new CountdownEvent(threads);
        using var canary = new ManualResetEventSlim();
        for (var i = 0; i < threads; i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(
                _ =>
                {
                    blocked.Signal();
                    gate.Wait();
                },
                null);
        }

        blocked.Wait();
        Output.Write("starving");
        var start = Output.Elapsed;
        ThreadPool.UnsafeQueueUserWorkItem(_ => canary.Set(), null);
        var ranEarly = canary.Wait(time);
        gate.Set();
        canary.Wait();
        ThreadPool.SetMaxThreads(maxWorkers, maxIo);
        ThreadPool.SetMinThreads(minWorkers, minIo);
        Output.Write(ranEarly ? "starvation failed" : $"starved {(Output.Elapsed - start).TotalMilliseconds:0}");
    }
}
