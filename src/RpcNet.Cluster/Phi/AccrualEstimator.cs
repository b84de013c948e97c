namespace RpcNet.Cluster.Phi;

/// <summary>
/// The accrual detector for one peer (Hayashibara et al., "The φ accrual failure detector", 2004):
/// φ(t) = −log10(1 − F(t; μ + acceptable pause, σ)) with the mean μ and the deviation σ of the last intervals between heartbeats.
/// </summary>
internal sealed class AccrualEstimator
{
    /// <summary>Intervals are kept in units of 100 µs, so that the sum of 10,000 squares fits into 64 bits exactly.</summary>
    private const double UnitsPerSecond = 10_000;

    private readonly PhiOptions _options;
    private int[] _window = [];
    private int _count;
    private int _next;
    private long _sum;
    private long _sumOfSquares;
    private bool _skipNext;

    public AccrualEstimator(PhiOptions options, TimeSpan now)
    {
        _options = options;
        LastHeartbeat = now;
        LastSeen = now;
        Since = now;
    }

    public TimeSpan LastHeartbeat { get; private set; }

    /// <summary>The last sign of life of any kind.</summary>
    public TimeSpan LastSeen { get; private set; }

    /// <summary>Since when this peer has been watched.</summary>
    public TimeSpan Since { get; private set; }

    public int Samples => _count;

    /// <summary>Of the intervals in the window; before the first one, the configured cadence.</summary>
    public TimeSpan Mean => _count == 0
        ? _options.HeartbeatInterval
        : TimeSpan.FromSeconds(_sum / (double)_count / UnitsPerSecond);

    /// <summary>Of the intervals in the window, at least the configured minimum; with few samples a quarter of the mean.</summary>
    public TimeSpan StandardDeviation
    {
        get
        {
            if (_count < 5)
            {
                return Max(Mean / 4, _options.MinStandardDeviation);
            }

            var mean = _sum / (double)_count;
            var variance = Math.Max(0, (_sumOfSquares / (double)_count) - (mean * mean));
            return Max(TimeSpan.FromSeconds(Math.Sqrt(variance) / UnitsPerSecond), _options.MinStandardDeviation);
        }
    }

    /// <summary>A heartbeat came: its interval enters the window.</summary>
    public void Heartbeat(TimeSpan now)
    {
        if (!_skipNext)
        {
            Add((int)Math.Clamp((now - LastHeartbeat).TotalSeconds * UnitsPerSecond, 0, 6_000_000));
        }

        _skipNext = false;
        LastHeartbeat = now;
        LastSeen = now;
    }

    /// <summary>Other traffic came: a sign of life, but no part of the cadence.</summary>
    public void Hear(TimeSpan now) => LastSeen = now;

    /// <summary>The local process stood still: the present interval says nothing about the peer.</summary>
    public void Resume(TimeSpan now)
    {
        LastHeartbeat = now;
        LastSeen = now;
        Since = now;
        _skipNext = true;
    }

    public double Phi(TimeSpan now)
    {
        var late = now - LastSeen - Mean - _options.AcceptablePause;
        return Math.Max(0, NormalTail.Phi(late / StandardDeviation));
    }

    /// <summary>When φ will reach the value whose deviation is <paramref name="z"/>, if nothing comes until then.</summary>
    public TimeSpan Reaches(double z) => LastSeen + Mean + _options.AcceptablePause + (z * StandardDeviation);

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private void Add(int interval)
    {
        if (_next >= _window.Length && _window.Length < _options.WindowSize)
        {
            Array.Resize(ref _window, Math.Min(_options.WindowSize, Math.Max(16, 2 * _window.Length)));
        }

        if (_count == _options.WindowSize)
        {
            long oldest = _window[_next];
            _sum -= oldest;
            _sumOfSquares -= oldest * oldest;
        }
        else
        {
            _count++;
        }

        _window[_next] = interval;
        _sum += interval;
        _sumOfSquares += (long)interval * interval;
        _next = (_next + 1) % _options.WindowSize;
    }
}
