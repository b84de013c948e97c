using BenchmarkDotNet.Attributes;
using RpcNet.Cluster;
using RpcNet.Cluster.Phi;

namespace RpcNet.Microbenchmarks;

/// <summary>The accrual failure detector of one peer.</summary>
public class PhiBenchmarks
{
    private readonly AccrualEstimator _estimator = new(new PhiOptions(), TimeSpan.Zero);
    private readonly Random _random = new(1);
    private TimeSpan _now;

    [GlobalSetup]
    public void Setup()
    {
        for (var i = 0; i < 200; i++)
        {
            Heartbeat();
        }
    }

    [Benchmark]
    public void Heartbeat()
    {
        _now += TimeSpan.FromMilliseconds(950 + _random.Next(100));
        _estimator.Heartbeat(_now);
    }

    [Benchmark]
    public double PhiOnTime() => _estimator.Phi(_now + TimeSpan.FromMilliseconds(500));

    [Benchmark]
    public double PhiLate() => _estimator.Phi(_now + TimeSpan.FromSeconds(5));
}
