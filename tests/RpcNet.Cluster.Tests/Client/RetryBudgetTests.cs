using RpcNet.Cluster.Client;

namespace RpcNet.Cluster.Tests.Client;

public class RetryBudgetTests
{
    [Theory]
    [InlineData(0, 10)]
    [InlineData(50, 10)]
    [InlineData(100, 20)]
    [InlineData(1000, 200)]
    [InlineData(100_000, 250)]
    public void TryTake_AfterCalls_GrantsTheReserveOrTheShareUpToTheBurst(int calls, int granted)
    {
        var budget = new RetryBudget(0.2, reserve: 10, burst: 250);
        for (var i = 0; i < calls; i++)
        {
            budget.Earn();
        }

        Assert.Equal(granted, Enumerable.Range(0, 1000).Count(_ => budget.TryTake()));
    }

    [Fact]
    public void TryTake_RatioZero_GrantsTheReserveOnly()
    {
        var budget = new RetryBudget(0, reserve: 3, burst: 3);
        for (var i = 0; i < 1000; i++)
        {
            budget.Earn();
        }

        Assert.Equal(3, Enumerable.Range(0, 10).Count(_ => budget.TryTake()));
    }

    [Fact]
    public void Percentile_KnownLatencies_IsWithinABucket()
    {
        var histogram = new LatencyHistogram();
        Assert.Null(histogram.Percentile(0.95));
        for (var i = 1; i <= 1000; i++)
        {
            histogram.Add(TimeSpan.FromMilliseconds(i));
        }

        Assert.InRange(histogram.Percentile(0.5)!.Value.TotalMilliseconds, 500, 600);
        for (var i = 0; i < 100; i++)
        {
            histogram.Add(TimeSpan.FromMilliseconds(1));
        }

        Assert.InRange(histogram.Percentile(0.95)!.Value.TotalMilliseconds, 940, 1150);
    }
}
