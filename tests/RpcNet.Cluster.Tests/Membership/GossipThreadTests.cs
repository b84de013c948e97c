using RpcNet.Cluster.Membership;

namespace RpcNet.Cluster.Tests.Membership;

public class GossipThreadTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Run_AcrossAwaits_StaysOnItsThread()
    {
        var thread = new GossipThread("test", TimeProvider.System, static () => { }, Unexpected);
        var source = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var ids = new List<int>();

        var running = thread.RunAsync(async () =>
        {
            ids.Add(Environment.CurrentManagedThreadId);
            await source.Task.ConfigureAwait(true);
            ids.Add(Environment.CurrentManagedThreadId);
            Assert.False(Thread.CurrentThread.IsThreadPoolThread);
        });

        // From the thread itself, which takes this up only when the above waits.
        thread.Post(_ => source.SetResult(), null);
        await running.WaitAsync(Limit, TestContext.Current.CancellationToken);

        Assert.Equal(ids[0], ids[1]);
        thread.Stop();
    }

    [Fact]
    public async Task Wake_WhileWorkKeepsComing_IsNotPutOff()
    {
        var woken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new GossipThread("test", TimeProvider.System, () => woken.TrySetResult(), Unexpected);

        // Work that posts itself again never lets the queue run empty.
        thread.Post(Again, null);
        thread.WakeIn(TimeSpan.FromMilliseconds(20));
        await woken.Task.WaitAsync(Limit, TestContext.Current.CancellationToken);
        thread.Stop();

        void Again(object? state)
        {
            if (!woken.Task.IsCompleted)
            {
                thread.Post(Again, null);
            }
        }
    }

    [Fact]
    public async Task Post_AfterTheEnd_RunsOnThePool()
    {
        var thread = new GossipThread("test", TimeProvider.System, static () => { }, Unexpected);
        await thread.RunAsync(static () => Task.CompletedTask).WaitAsync(Limit, TestContext.Current.CancellationToken);
        thread.Stop();
        var ran = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);

        thread.Post(_ => ran.SetResult(Thread.CurrentThread.IsThreadPoolThread), null);

        Assert.True(await ran.Task.WaitAsync(Limit, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Callback_ThatThrows_IsReportedAndTheThreadGoesOn()
    {
        var failures = new List<Exception>();
        var thread = new GossipThread("test", TimeProvider.System, static () => { }, failures.Add);

        thread.Post(static _ => throw new InvalidOperationException("a defect"), null);
        await thread.RunAsync(static () => Task.CompletedTask).WaitAsync(Limit, TestContext.Current.CancellationToken);

        Assert.Equal("a defect", Assert.Single(failures).Message);
        thread.Stop();
    }

    [Fact]
    public async Task Run_OfWhatThrowsAtOnce_FailsItsTask()
    {
        var thread = new GossipThread("test", TimeProvider.System, static () => { }, Unexpected);

        var running = thread.RunAsync(static () => throw new InvalidOperationException("a defect"));

        await Assert.ThrowsAsync<InvalidOperationException>(() => running.WaitAsync(Limit, TestContext.Current.CancellationToken));
        thread.Stop();
    }

    private static void Unexpected(Exception e) => Assert.Fail(e.ToString());
}
