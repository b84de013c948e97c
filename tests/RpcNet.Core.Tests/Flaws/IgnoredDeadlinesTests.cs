using RpcNet.Core.Tests.Support;

namespace RpcNet.Core.Tests.Flaws;

/// <summary>The Rust crate carries deadlines and ignores them. Here the caller gets its answer in time, and the handler stops.</summary>
public sealed class IgnoredDeadlinesTests
{
    [Fact]
    public async Task EveryKind_DeadlinePasses_EndsTheCallAndStopsTheHandler()
    {
        await using var fixture = await RpcFixture.StartAsync();
        var client = fixture.Client.WithTimeout(TimeSpan.FromMilliseconds(50));
        var calls = new Func<Task>[]
        {
            async () => await client.WaitAsync(1),
            async () => await Eventually.All(client.FloodAsync(10)),
            async () => await client.SumAsync(Endless()),
            async () => await Eventually.All(client.ScaleAsync(1, Endless())),
        };
        foreach (var call in calls)
        {
            var fault = await Assert.ThrowsAsync<RpcFaultException>(() => Eventually.Soon(call()));
            Assert.Equal(RpcStatusCode.DeadlineExceeded, fault.Status);
        }

        await Eventually.True(() => fixture.Service.Running == 0 && fixture.Server.CallsInFlight == 0);
    }

    [Fact]
    public async Task Handler_SeesTheTimeThatIsLeft()
    {
        await using var fixture = await RpcFixture.StartAsync();
        TimeSpan? left = null;
        fixture.Service.OnCall = context =>
        {
            left = context.RemainingTime;
            return default;
        };
        await Eventually.Soon(fixture.Client.WithTimeout(TimeSpan.FromHours(1)).EchoAsync("x"));
        Assert.InRange(left!.Value, TimeSpan.FromMinutes(59), TimeSpan.FromHours(1));
    }

    private static async IAsyncEnumerable<int> Endless()
    {
        while (true)
        {
            await Task.Delay(1);
            yield return 1;
        }
    }
}
