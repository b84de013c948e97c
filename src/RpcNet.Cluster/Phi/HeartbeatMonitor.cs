using RpcNet.Cluster.Swim;

namespace RpcNet.Cluster.Phi;

/// <summary>The estimators of all members that the local node monitors.</summary>
internal sealed class HeartbeatMonitor
{
    private readonly PhiOptions _options;
    private readonly Dictionary<NodeId, Watch> _watches = [];
    private readonly List<NodeId> _dropped = [];
    private readonly double _thresholdDeviation;
    private readonly HashSet<NodeId> _subjects = [];

    public HeartbeatMonitor(PhiOptions options)
    {
        _options = options;
        _thresholdDeviation = NormalTail.InversePhi(options.Threshold);
    }

    /// <summary>The subjects are these from now on; what is known of others is forgotten.</summary>
    public void Retain(List<MemberEntry> subjects)
    {
        _subjects.Clear();
        foreach (var subject in subjects)
        {
            _subjects.Add(subject.Id);
        }

        foreach (var id in _watches.Keys)
        {
            if (!_subjects.Contains(id))
            {
                _dropped.Add(id);
            }
        }

        foreach (var id in _dropped)
        {
            _watches.Remove(id);
        }

        _dropped.Clear();
    }

    public bool IsMonitored(NodeId id) => _subjects.Contains(id);

    public void Heartbeat(NodeId id, TimeSpan now)
    {
        if (_watches.TryGetValue(id, out var watch))
        {
            watch.Estimator.Heartbeat(now);
            watch.Rearm(now);
            watch.Count(now);
        }
        else
        {
            _watches.Add(id, new Watch(new AccrualEstimator(_options, now), now));
        }
    }

    public void Hear(NodeId id, TimeSpan now)
    {
        if (_watches.TryGetValue(id, out var watch))
        {
            watch.Estimator.Hear(now);
        }
    }

    public void Forget(NodeId id) => _watches.Remove(id);

    public void Resume(TimeSpan now)
    {
        foreach (var watch in _watches.Values)
        {
            watch.Estimator.Resume(now);
        }
    }

    /// <summary>
    /// The share of the heartbeats sent within the window that arrived, or null while the member has been watched for less.
    /// What is older than the window is forgotten.
    /// </summary>
    public double? ArrivedShare(NodeId id, TimeSpan now, TimeSpan window) =>
        _watches.TryGetValue(id, out var watch) && now - watch.Estimator.Since >= window
            ? watch.CountSince(now - window) / Math.Floor(window / _options.HeartbeatInterval)
            : null;

    /// <summary>When the last heartbeat came, or null while the member is not watched or sent only one.</summary>
    public TimeSpan? LastHeartbeat(NodeId id) => _watches.TryGetValue(id, out var watch) ? watch.LastArrival : null;

    public double? Phi(NodeId id, TimeSpan now) =>
        _watches.TryGetValue(id, out var watch) ? watch.Estimator.Phi(now) : null;

    /// <summary>
    /// φ, when it is over the threshold and this has not just been said. A member that goes on refuting while its heartbeats stay
    /// away is accused at growing intervals, not at every look.
    /// </summary>
    public double? TakeVerdict(NodeId id, TimeSpan now)
    {
        if (!_watches.TryGetValue(id, out var watch)
            || now < watch.QuietUntil
            || now < watch.Estimator.Reaches(_thresholdDeviation))
        {
            return null;
        }

        watch.BackOff(now);
        return watch.Estimator.Phi(now);
    }

    private sealed class Watch(AccrualEstimator estimator, TimeSpan now)
    {
        private const int MaxArrivals = 1024;

        private static readonly TimeSpan FirstQuiet = TimeSpan.FromSeconds(10);
        private static readonly TimeSpan LongestQuiet = TimeSpan.FromMinutes(5);

        private readonly Queue<TimeSpan> _arrivals = [];
        private TimeSpan _quiet = FirstQuiet;

        public AccrualEstimator Estimator { get; } = estimator;

        public TimeSpan QuietUntil { get; private set; } = now;

        public TimeSpan? LastArrival { get; private set; }

        public void BackOff(TimeSpan now)
        {
            QuietUntil = now + _quiet;
            _quiet = _quiet * 2 < LongestQuiet ? _quiet * 2 : LongestQuiet;
        }

        public void Count(TimeSpan now)
        {
            LastArrival = now;
            _arrivals.Enqueue(now);
            if (_arrivals.Count > MaxArrivals)
            {
                _arrivals.Dequeue();
            }
        }

        public int CountSince(TimeSpan start)
        {
            while (_arrivals.TryPeek(out var arrival) && arrival < start)
            {
                _arrivals.Dequeue();
            }

            return _arrivals.Count;
        }

        public void Rearm(TimeSpan now)
        {
            if (now >= QuietUntil)
            {
                _quiet = FirstQuiet;
            }
        }
    }
}
