using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster.Balancing;

internal sealed class RoundRobinBalancer(RandomSource random) : ILoadBalancer
{
    /// <summary>Starts anywhere, so that processes started together do not go in step.</summary>
    private uint _next = (uint)random.Next();

    public int Select(WorkerSet candidates, in SelectionRequest request) =>
        candidates.Modulo(Interlocked.Increment(ref _next));
}

internal sealed class RandomBalancer(RandomSource random) : ILoadBalancer
{
    public int Select(WorkerSet candidates, in SelectionRequest request) => random.Next(candidates.Count);
}

internal sealed class PowerOfTwoChoicesBalancer(RandomSource random) : ILoadBalancer
{
    public int Select(WorkerSet candidates, in SelectionRequest request)
    {
        var (a, b) = Draw(random.Next(), candidates.Count);
        return candidates.GetLoad(b) < candidates.GetLoad(a) ? b : a;
    }

    /// <summary>Two different numbers below <paramref name="count"/>, in random order; equal only when it is 1.</summary>
    public static (int First, int Second) Draw(ulong bits, int count)
    {
        var first = RandomSource.Scale((uint)bits, count);
        if (count == 1)
        {
            return (first, first);
        }

        var second = RandomSource.Scale((uint)(bits >> 32), count - 1);
        return (first, second >= first ? second + 1 : second);
    }
}

internal sealed class PeakEwmaBalancer(RandomSource random, TimeProvider time, TimeSpan tau) : ILoadBalancer
{
    private readonly double _ticksOfTau = tau.TotalSeconds * time.TimestampFrequency;

    /// <summary>The cost, in ms, of an unmeasured worker that has its first calls in flight: nobody else shall join them yet.</summary>
    private const double Unmeasured = 1e6;

    public int Select(WorkerSet candidates, in SelectionRequest request)
    {
        var (a, b) = PowerOfTwoChoicesBalancer.Draw(random.Next(), candidates.Count);
        if (a == b)
        {
            return a;
        }

        var now = time.GetTimestamp();
        return Cost(candidates, b, now) < Cost(candidates, a, now) ? b : a;
    }

    private double Cost(WorkerSet candidates, int index, long now)
    {
        var worker = candidates[index];
        var load = Math.Max(0, candidates.GetLoad(index));
        var latency = worker.Health.Ewma.Read(now, _ticksOfTau);
        return latency == 0
            ? load == 0 ? 0 : Unmeasured + load
            : latency * (load + 1) / worker.Capacity;
    }
}
