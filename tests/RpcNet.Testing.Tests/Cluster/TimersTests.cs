namespace RpcNet.Testing.Tests.Cluster;

public sealed class TimersTests
{
    [Fact]
    public async Task Timers_FireInTheOrderOfTheirTimes_AndThenOfTheirSetting()
    {
        await using var cluster = new RpcTestCluster();
        var fired = new List<(string Name, double At)>();
        var began = cluster.Time.GetTimestamp();
        ITimer Create(string name, double due, double period = -1) => cluster.Time.CreateTimer(
            _ => fired.Add((name, cluster.Time.GetElapsedTime(began).TotalSeconds)),
            null,
            TimeSpan.FromSeconds(due),
            period < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(period));
        await using var later = Create("later", 3);
        await using var first = Create("first", 1);
        await using var second = Create("second", 1);
        await using var periodic = Create("periodic", 1, 1);
        await using var never = Create("never", 2);
        never.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        await cluster.AdvanceAsync(TimeSpan.FromSeconds(3.5));
        Assert.Equal([("first", 1), ("second", 1), ("periodic", 1), ("periodic", 2), ("later", 3), ("periodic", 3)], fired);
        Assert.Equal(3.5, cluster.Time.GetElapsedTime(began).TotalSeconds);
    }

    [Fact]
    public async Task Timer_DueAtOnce_FiresWithoutAnAdvance()
    {
        await using var cluster = new RpcTestCluster();
        var began = cluster.Time.GetUtcNow();
        var fired = new TaskCompletionSource();
        await using var timer = cluster.Time.CreateTimer(_ => fired.TrySetResult(), null, TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        await fired.Task;
        Assert.Equal(began, cluster.Time.GetUtcNow());
    }

    [Fact]
    public async Task Timer_ItsCallbackThrows_FailsTheAdvance()
    {
        await using var cluster = new RpcTestCluster();
        await using var timer = cluster.Time.CreateTimer(
            _ => throw new InvalidDataException("broken"), null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        await Assert.ThrowsAsync<InvalidDataException>(() => cluster.AdvanceAsync(TimeSpan.FromSeconds(2)));
    }

    [Fact]
    public async Task AdvanceUntil_StopsAtTheTimeWhenItHolds_OrSaysThatItDoesNot()
    {
        await using var cluster = new RpcTestCluster();
        var work = cluster.RunAsync(() => Task.Delay(TimeSpan.FromSeconds(7), cluster.Time));
        Assert.Equal(TimeSpan.FromSeconds(7), await cluster.AdvanceUntilAsync(work, TimeSpan.FromSeconds(10)));
        var e = await Assert.ThrowsAsync<TimeoutException>(() => cluster.AdvanceUntilAsync(() => false, TimeSpan.FromSeconds(10)));
        Assert.Equal("The condition did not hold within 10 s of virtual time.", e.Message);
    }
}
