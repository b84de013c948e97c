using System.Threading.Channels;
using RpcNet.Testing.Tests.Support;

namespace RpcNet.Testing.Tests.Cluster;

/// <summary>Time stands still while anything is in flight, by whatever way the work goes on.</summary>
public sealed class IdleTests
{
    private const int Hops = 100;

    public static TheoryData<string> Ways =>
    [
        "Task.Run", "Task.Yield", "completion", "channel", "unsafe item", "local item", "semaphore", "CancelAsync",
        "suppressed flow", "long running", "thread", "due now", "task that waits for a task",
    ];

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Advance_WhileWorkGoesFromThreadToThread_WaitsForItsEnd(string way)
    {
        using var load = new BusyThreads(1);
        using var noise = new PoolNoise();
        await using var cluster = new RpcTestCluster();
        var began = cluster.Time.GetTimestamp();
        var work = cluster.RunAsync(async () =>
        {
            for (var hop = 0; hop < Hops; hop++)
            {
                await HopAsync(way, cluster.Time);
            }

            return cluster.Time.GetTimestamp();
        });

        await cluster.AdvanceAsync(TimeSpan.FromHours(1));
        Assert.True(work.IsCompleted);
        Assert.Equal(began, await work);
    }

    [Fact]
    public async Task Advance_WorkOfATestThatNeverEnteredTheCluster_IsWaitedForFromItsFirstStepOn()
    {
        await using var cluster = new RpcTestCluster();
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<long> outside;
        using (ExecutionContext.SuppressFlow())
        {
            outside = Task.Run(async () =>
            {
                await gate.Task;
                return cluster.Time.GetTimestamp();
            });
        }

        var began = cluster.Time.GetTimestamp();
        await cluster.RunAsync(() =>
        {
            gate.SetResult();
            return Task.CompletedTask;
        });
        await cluster.AdvanceAsync(TimeSpan.FromHours(1));
        Assert.Equal(began, await outside);
    }

    [Fact]
    public async Task Advance_SomethingBlocks_FailsWithWhatItIs()
    {
        await using var cluster = new RpcTestCluster(new RpcTestClusterOptions { Patience = TimeSpan.FromMilliseconds(200) });
        using var gate = new ManualResetEventSlim();
        var blocked = cluster.RunAsync(() =>
        {
            gate.Wait();
            return Task.CompletedTask;
        });
        var e = await Assert.ThrowsAsync<TimeoutException>(() => cluster.AdvanceAsync(TimeSpan.FromSeconds(1)));
        Assert.Contains("1 in flight, on thread", e.Message);
        gate.Set();
        await blocked;
        await cluster.AdvanceAsync(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Clusters_SideBySide_DoNotWaitForEachOther()
    {
        await using var one = new RpcTestCluster(new RpcTestClusterOptions { Patience = TimeSpan.FromMinutes(5) });
        await using var other = new RpcTestCluster(new RpcTestClusterOptions { Patience = TimeSpan.FromMinutes(5) });
        using var gate = new ManualResetEventSlim();
        var blocked = one.RunAsync(() =>
        {
            gate.Wait();
            return Task.CompletedTask;
        });
        await other.AdvanceAsync(TimeSpan.FromSeconds(1));
        gate.Set();
        await blocked;
    }

    private static async Task HopAsync(string way, TimeProvider time)
    {
        switch (way)
        {
            case "Task.Run":
                await Task.Run(static () => Thread.SpinWait(100));
                break;
            case "Task.Yield":
                await Task.Yield();
                break;
            case "completion":
                var completion = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                ThreadPool.UnsafeQueueUserWorkItem(static c => c.SetResult(), completion, preferLocal: false);
                await completion.Task.ConfigureAwait(false);
                break;
            case "channel":
                var channel = Channel.CreateUnbounded<int>();
                var reading = channel.Reader.ReadAsync();
                channel.Writer.TryWrite(1);
                await reading;
                break;
            case "unsafe item" or "local item":
                var ran = new TaskCompletionSource();
                ThreadPool.UnsafeQueueUserWorkItem(static r => r.SetResult(), ran, preferLocal: way == "local item");
                await ran.Task;
                break;
            case "semaphore":
                using (var semaphore = new SemaphoreSlim(0))
                {
                    var waiting = semaphore.WaitAsync();
                    semaphore.Release();
                    await waiting;
                }

                break;
            case "CancelAsync":
                using (var source = new CancellationTokenSource())
                {
                    source.Token.Register(static () => Thread.SpinWait(100));
                    await source.CancelAsync();
                }

                break;
            case "suppressed flow":
                Task hop;
                using (ExecutionContext.SuppressFlow())
                {
                    hop = Task.Run(static async () => await Task.Yield());
                }

                await hop;
                break;
            case "long running":
                // The thread is seen from its first step on, so the way there must not be waited on by the clock.
                await Task.Run(static () => Task.Factory.StartNew(
                    static () => Thread.SpinWait(100), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Wait());
                break;
            case "thread":
                await Task.Run(static () =>
                {
                    var thread = new Thread(static () => Thread.SpinWait(100));
                    thread.Start();
                    thread.Join();
                });
                break;
            case "due now":
                using (var source = new CancellationTokenSource(TimeSpan.Zero, time))
                {
                    await Task.Delay(Timeout.InfiniteTimeSpan, time, source.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }

                break;
            default:
                // The second ends after the context of the first has.
                await Task.Run(static async () => await Task.Run(static () => { })).ContinueWith(
                    static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
                break;
        }
    }
}
