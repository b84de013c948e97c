using RpcNet.Cluster.Phi;

namespace RpcNet.Cluster.Tests.Phi;

public class AccrualEstimatorTests
{
    private static readonly PhiOptions Options = new() { AcceptablePause = TimeSpan.Zero, WindowSize = 10 };

    private static TimeSpan Seconds(double value) => TimeSpan.FromSeconds(value);

    [Fact]
    public void Phi_OfARegularPeer_IsLowOnTimeAndHighWhenLate()
    {
        var estimator = Regular(20);

        Assert.InRange(estimator.Phi(Seconds(20)), 0, 0.01);
        Assert.InRange(estimator.Phi(Seconds(21)), 0.3, 0.31);
        Assert.InRange(estimator.Phi(Seconds(21.5612)), 7.9, 8.1);
        Assert.True(estimator.Phi(Seconds(60)) > 1000);
    }

    [Fact]
    public void Window_KeepsTheLastIntervalsOnly()
    {
        var estimator = new AccrualEstimator(Options, TimeSpan.Zero);
        var now = 0.0;
        for (var i = 0; i < 50; i++)
        {
            estimator.Heartbeat(Seconds(now += 5));
        }

        for (var i = 0; i < 10; i++)
        {
            estimator.Heartbeat(Seconds(now += i % 2 == 0 ? 1 : 3));
        }

        Assert.Equal(2, estimator.Mean.TotalSeconds, 6);
        Assert.Equal(1, estimator.StandardDeviation.TotalSeconds, 6);
        Assert.Equal(10, estimator.Samples);
    }

    [Fact]
    public void OtherTraffic_IsASignOfLifeAndNoPartOfTheCadence()
    {
        var estimator = Regular(20);

        estimator.Hear(Seconds(25));

        Assert.InRange(estimator.Phi(Seconds(25.5)), 0, 0.01);
        Assert.Equal(1, estimator.Mean.TotalSeconds, 6);
    }

    [Fact]
    public void Resume_ThePauseIsNoInterval()
    {
        var estimator = Regular(20);

        estimator.Resume(Seconds(80));
        Assert.InRange(estimator.Phi(Seconds(80.5)), 0, 0.01);
        estimator.Heartbeat(Seconds(80.2));

        Assert.Equal(1, estimator.Mean.TotalSeconds, 6);
    }

    [Fact]
    public void Reaches_IsWhenPhiCrossesTheThreshold()
    {
        var estimator = Regular(20);
        var at = estimator.Reaches(NormalTail.InversePhi(8));

        Assert.True(estimator.Phi(at - Seconds(0.001)) < 8);
        Assert.True(estimator.Phi(at + Seconds(0.001)) > 8);
    }

    [Fact]
    public void MinimumDeviation_AndAcceptablePause_DelayTheVerdict()
    {
        var patient = new AccrualEstimator(new PhiOptions { AcceptablePause = Seconds(3), MinStandardDeviation = Seconds(0.5) }, TimeSpan.Zero);
        for (var i = 1; i <= 20; i++)
        {
            patient.Heartbeat(Seconds(i));
        }

        Assert.InRange(patient.Phi(Seconds(24)), 0.3, 0.31);
        Assert.True(patient.Phi(Seconds(27)) > 8);
    }

    private static AccrualEstimator Regular(int beats)
    {
        var estimator = new AccrualEstimator(Options, TimeSpan.Zero);
        for (var i = 1; i <= beats; i++)
        {
            estimator.Heartbeat(Seconds(i));
        }

        return estimator;
    }
}
