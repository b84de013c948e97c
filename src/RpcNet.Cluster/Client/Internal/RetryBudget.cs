namespace RpcNet.Cluster.Client;

/// <summary>
/// Grants retries and hedges. After N calls it has granted at most max(reserve, ratio · N): the reserve is there from the start,
/// and the first reserve / ratio calls earn nothing. Unused grants are kept up to the burst.
/// </summary>
internal sealed class RetryBudget(double ratio, int reserve, int burst)
{
    private const long Unit = 1_000_000;

    private readonly long _earned = (long)(ratio * Unit);
    private readonly long _most = burst * Unit;
    private long _balance = reserve * Unit;
    private long _unpaid = ratio > 0 ? (long)Math.Ceiling(reserve / ratio) : long.MaxValue;

    /// <summary>What could be granted now.</summary>
    public double Available => (double)Volatile.Read(ref _balance) / Unit;

    /// <summary>A call earns its share.</summary>
    public void Earn()
    {
        if (Volatile.Read(ref _unpaid) > 0 && Interlocked.Decrement(ref _unpaid) >= 0)
        {
            return;
        }

        if (Volatile.Read(ref _balance) + _earned <= _most)
        {
            Interlocked.Add(ref _balance, _earned);
        }
    }

    public bool TryTake()
    {
        var balance = Volatile.Read(ref _balance);
        while (balance >= Unit)
        {
            var seen = Interlocked.CompareExchange(ref _balance, balance - Unit, balance);
            if (seen == balance)
            {
                return true;
            }

            balance = seen;
        }

        return false;
    }
}
