using System.Globalization;

namespace RpcNet.TransportBench;

/// <summary>Rounds that take turns, and what their ratios say.</summary>
internal static class Comparison
{
    // Two-sided 97.5 % quantiles of Student's t for 1 … 30 degrees of freedom.
    private static readonly double[] s_quantiles =
    [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093,
        2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ];

    /// <summary>Geometric mean of the rounds' ratios with its 95 % confidence interval.</summary>
    public static (double Mean, double Low, double High) Ratio(IReadOnlyList<double> subject, IReadOnlyList<double> reference)
    {
        var logs = subject.Zip(reference, static (s, r) => Math.Log(s / r)).ToArray();
        var mean = logs.Average();
        var deviation = Math.Sqrt(logs.Sum(l => (l - mean) * (l - mean)) / Math.Max(1, logs.Length - 1));
        var quantile = logs.Length > s_quantiles.Length + 1 ? 1.96 : s_quantiles[Math.Max(0, logs.Length - 2)];
        var half = quantile * deviation / Math.Sqrt(logs.Length);
        return (Math.Exp(mean), Math.Exp(mean - half), Math.Exp(mean + half));
    }

    public static async Task RunAsync(
        string name, int rounds, TimeSpan time, Func<TimeSpan, Task<Result>> subject, Func<TimeSpan, Task<Result>> reference)
    {
        var ours = new List<double>();
        var theirs = new List<double>();

        // One round unmeasured: the first runs code that is not yet optimized.
        await subject(time);
        await reference(time);
        var unit = "";
        for (var round = 0; round < rounds; round++)
        {
            // Who goes first changes, so that a drift of the machine favours neither.
            foreach (var mine in round % 2 == 0 ? (bool[])[true, false] : [false, true])
            {
                var result = await (mine ? subject : reference)(time);
                (mine ? ours : theirs).Add(result.Rate);
                unit = result.Unit;
            }
        }

        var (mean, low, high) = Ratio(ours, theirs);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  {name,-16} engine {Median(ours):N0}, bare {Median(theirs):N0} {unit}; ratio {mean:N2} (95 % confidence {low:N2} … {high:N2}, {rounds} rounds)"));
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
