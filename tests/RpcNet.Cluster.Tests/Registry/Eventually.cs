namespace RpcNet.Cluster.Tests.Registry;

internal static class Eventually
{
    /// <summary>Waits for a condition that other threads bring about; fails when it does not hold within 20 s.</summary>
    public static async Task HoldsAsync(Func<bool> condition, string what = "the condition")
    {
        var deadline = TimeProvider.System.GetTimestamp() + (20 * TimeProvider.System.TimestampFrequency);
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetTimestamp() < deadline, $"{what} did not come true within 20 s.");
            await Task.Delay(2, TestContext.Current.CancellationToken);
        }
    }
}
