namespace RpcNet.Cluster.Phi;

/// <summary>The upper tail of the normal distribution, exact to about 14 digits and without underflow.</summary>
internal static class NormalTail
{
    private static readonly double HalfLogPi = 0.5 * Math.Log(Math.PI);

    /// <summary>
    /// ln erfc(x). Below 2 through the series erf(x) = 2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!!, whose terms all have one sign;
    /// above by the continued fraction erfc(x) = e^(−x²)/√π · 1/(x + (1/2)/(x + 1/(x + (3/2)/(x + …)))) (Abramowitz and Stegun
    /// 7.1.6 and 7.1.14).
    /// </summary>
    public static double LogErfc(double x)
    {
        if (double.IsNaN(x))
        {
            return double.NaN;
        }

        if (x < 2)
        {
            return x < -6 ? Math.Log(2) : Math.Log(1 - ErfBySeries(x));
        }

        return -(x * x) - HalfLogPi + Math.Log(ContinuedFraction(x));
    }

    /// <summary>erfc(x) = 1 − erf(x); 0 once the result is below the smallest double.</summary>
    public static double Erfc(double x) => Math.Exp(LogErfc(x));

    /// <summary>−log10(1 − F(z)) for the standard normal F: φ of a heartbeat that is z standard deviations late.</summary>
    public static double Phi(double z) => -(LogErfc(z / Math.Sqrt(2)) - Math.Log(2)) / Math.Log(10);

    /// <summary>The z for which <see cref="Phi"/> is <paramref name="phi"/> (above 0), by bisection.</summary>
    public static double InversePhi(double phi)
    {
        var (low, high) = (-40.0, 40.0);
        while (Phi(high) < phi)
        {
            high *= 2;
        }

        for (var i = 0; i < 100; i++)
        {
            var middle = (low + high) / 2;
            if (Phi(middle) < phi)
            {
                low = middle;
            }
            else
            {
                high = middle;
            }
        }

        return high;
    }

    private static double ErfBySeries(double x)
    {
        if (x < 0)
        {
            return -ErfBySeries(-x);
        }

        var term = x;
        var sum = x;
        for (var n = 1; term > sum * 1e-17; n++)
        {
            term *= 2 * x * x / ((2 * n) + 1);
            sum += term;
        }

        return 2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum;
    }

    /// <summary>Evaluated from the tail; 150 levels are enough for 15 digits from x = 2 on.</summary>
    private static double ContinuedFraction(double x)
    {
        var value = x;
        for (var n = 150; n >= 1; n--)
        {
            value = x + (n / 2.0 / value);
        }

        return 1 / value;
    }
}
