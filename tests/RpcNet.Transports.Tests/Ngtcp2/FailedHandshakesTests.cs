using RpcNet.Transports.Ngtcp2.Internal;

namespace RpcNet.Transports.Tests.Ngtcp2;

public sealed class FailedHandshakesTests
{
    private const ulong Second = 1_000_000_000;

    [Fact]
    public void Recent_AfterTwoSeconds_ForgetsWhatFailed()
    {
        var failed = new FailedHandshakes();
        for (var i = 0; i < 5; i++)
        {
            failed.Add(10 * Second, out _);
        }

        Assert.Equal(5, failed.Recent((10 * Second) + 1));
        failed.Add(11 * Second, out _);
        Assert.Equal(6, failed.Recent(11 * Second));
        Assert.Equal(1, failed.Recent(12 * Second));
        Assert.Equal(0, failed.Recent(14 * Second));
    }

    [Fact]
    public void Add_BeyondTheLimit_IsLoggedAsANumberLater()
    {
        var failed = new FailedHandshakes();
        var logged = 0;
        for (var i = 0; i < FailedHandshakes.LoggedPerSecond + 7; i++)
        {
            logged += failed.Add(Second, out var unlogged) ? 1 : 0;
            Assert.Equal(0, unlogged);
        }

        Assert.Equal(FailedHandshakes.LoggedPerSecond, logged);
        failed.Recent(5 * Second);
        Assert.True(failed.Add(5 * Second, out var mentioned));
        Assert.Equal(7, mentioned);
        failed.Add(5 * Second, out mentioned);
        Assert.Equal(0, mentioned);
    }
}
