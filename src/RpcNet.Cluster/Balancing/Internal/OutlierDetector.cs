using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster.Balancing;

/// <summary>A worker that stands out, and in what.</summary>
internal readonly record struct Outlier(Worker Worker, string Reason, bool IsSlow);

/// <summary>
/// Compares each worker with the others. Leaving the judged worker out of the comparison is what makes it work for three
/// workers: within a mean and deviation of all five, no single one can be 1.9 deviations off.
/// </summary>
internal sealed class OutlierDetector(OutlierOptions options)
{
    private const int MinTimedCalls = 5;
    private static readonly TimeSpan MinSlowness = TimeSpan.FromMilliseconds(10);

    private readonly Dictionary<Worker, (int Calls, int Failures)> _lastCounts = [];

    /// <summary>Ends an interval: takes the workers' counts and names those to eject. The caller serializes.</summary>
    public List<Outlier> Evaluate(IReadOnlyCollection<Worker> workers)
    {
        var outliers = new List<Outlier>();
        FindFailing(workers, outliers);
        FindSlow(workers, outliers);
        return outliers;
    }

    public void Forget(Worker worker) => _lastCounts.Remove(worker);

    private void FindFailing(IReadOnlyCollection<Worker> workers, List<Outlier> outliers)
    {
        var fresh = new List<Worker>();
        foreach (var worker in workers)
        {
            var (calls, failures) = worker.Health.TakeWindowOf(options.MinCalls);
            if (calls > 0)
            {
                _lastCounts[worker] = (calls, failures);
                fresh.Add(worker);
            }
        }

        if (fresh.Count == 0 || _lastCounts.Count < 2)
        {
            return;
        }

        var (allCalls, allFailures) = (0L, 0L);
        foreach (var (calls, failures) in _lastCounts.Values)
        {
            allCalls += calls;
            allFailures += failures;
        }

        foreach (var worker in fresh)
        {
            var (calls, failures) = _lastCounts[worker];
            var share = (double)failures / calls;
            var others = (double)(allFailures - failures) / (allCalls - calls);
            var pooled = (double)allFailures / allCalls;
            var deviation = Math.Sqrt(pooled * (1 - pooled) * ((1.0 / calls) + (1.0 / (allCalls - calls))));
            if (share - others >= options.ExcessFailureShare && share - others >= 3 * deviation)
            {
                outliers.Add(new(worker, FormattableString.Invariant(
                    $"{share:P1} of its last {calls} calls failed, {others:P1} of the others'"), IsSlow: false));
            }
        }
    }

    private void FindSlow(IReadOnlyCollection<Worker> workers, List<Outlier> outliers)
    {
        if (options.SlowFactor == 0)
        {
            return;
        }

        var means = new List<(Worker Worker, TimeSpan Mean)>(workers.Count);
        foreach (var worker in workers)
        {
            if (worker.Health.Durations.Take(MinTimedCalls) is { } mean)
            {
                means.Add((worker, mean));
            }
        }

        if (means.Count < 3)
        {
            return;
        }

        means.Sort(static (a, b) => a.Mean.CompareTo(b.Mean));
        for (var i = means.Count - 1; i > means.Count / 2; i--)
        {
            var (worker, mean) = means[i];

            // All others below the judged one in a sorted list: their median is that of the list without it.
            var others = means.Count - 1;
            var median = others % 2 == 1 ? means[others / 2].Mean : (means[(others / 2) - 1].Mean + means[others / 2].Mean) / 2;
            if (mean < median * options.SlowFactor || mean - median < MinSlowness)
            {
                break;
            }

            outliers.Add(new(worker, FormattableString.Invariant(
                $"its calls take {mean.TotalMilliseconds:0} ms (geometric mean), those of the others {median.TotalMilliseconds:0} ms"), IsSlow: true));
        }
    }
}
