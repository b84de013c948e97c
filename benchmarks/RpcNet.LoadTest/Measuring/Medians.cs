namespace RpcNet.LoadTest.Measuring;

/// <summary>The middle of few values.</summary>
internal static class Medians
{
    public static double Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? 0 : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
