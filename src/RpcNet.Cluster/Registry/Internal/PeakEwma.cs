namespace RpcNet.Cluster.Registry;

/// <summary>
/// A latency that follows increases at once and decreases slowly: cost := max(cost, sample), or
/// cost · w + sample · (1 − w) with w = e^(−Δt / τ) for a smaller sample (Finagle's peak EWMA).
/// </summary>
/// <remarks>Lost updates of racing threads are accepted: the next call corrects them.</remarks>
internal sealed class PeakEwma
{
    private double _milliseconds;
    private long _stamp;

    public double Milliseconds => Volatile.Read(ref _milliseconds);

    /// <param name="sample">Milliseconds.</param>
    /// <param name="now">Timestamp.</param>
    /// <param name="ticksOfTau">τ in timestamp units.</param>
    public void Observe(double sample, long now, double ticksOfTau)
    {
        var cost = Volatile.Read(ref _milliseconds);
        var elapsed = Math.Max(0, now - Volatile.Read(ref _stamp));
        Volatile.Write(ref _stamp, now);
        if (sample < cost)
        {
            var weight = Math.Exp(-elapsed / ticksOfTau);
            sample = (cost * weight) + (sample * (1 - weight));
        }

        Volatile.Write(ref _milliseconds, sample);
    }

    /// <summary>The latency as it counts now: one that was not confirmed for long fades, so that the worker is tried again.</summary>
    public double Read(long now, double ticksOfTau)
    {
        var cost = Volatile.Read(ref _milliseconds);
        var elapsed = now - Volatile.Read(ref _stamp);
        return elapsed <= 0 || cost == 0 ? cost : cost * Math.Exp(-elapsed / ticksOfTau);
    }
}
