using System.Diagnostics;

namespace RpcNet.LoadTest.Measuring;

/// <summary>One window's work as its workers see it: when to stop, and where to report.</summary>
/// <remarks>Reporting a call or an item allocates nothing, so that a system is charged for its own allocations alone.</remarks>
internal sealed class Workload
{
    private const int MaxErrors = 1000;

    private readonly LatencyHistogram _latencies = new();
    private readonly StreamCounter[] _counters;
    private readonly CancellationTokenSource _stop = new();
    private volatile bool _recording;
    private volatile bool _stopped;
    private long _errors;

    public Workload(int workers) => _counters = [.. Enumerable.Range(0, workers).Select(static _ => new StreamCounter())];

    /// <summary>Whether workers are to end.</summary>
    public bool Stopped => _stopped;

    /// <summary>Cancelled when workers are to end, for those whose streams may wait for ever.</summary>
    public CancellationToken StopToken => _stop.Token;

    public int Workers => _counters.Length;

    public long Calls => _latencies.Count;

    public long Items => _counters.Sum(static c => Volatile.Read(ref c.Items));

    public long Errors => Interlocked.Read(ref _errors);

    public string? FirstError { get; private set; }

    /// <summary>The counter of one worker's messages; no other worker writes to it.</summary>
    public StreamCounter CounterOf(int worker) => _counters[worker];

    public void StartRecording() => _recording = true;

    public void StopRecording() => _recording = false;

    public void Stop()
    {
        _stopped = true;
        _stop.Cancel();
    }

    /// <summary>A call that was started at this timestamp has succeeded.</summary>
    public void Completed(long startTimestamp)
    {
        if (_recording)
        {
            _latencies.Record((long)Stopwatch.GetElapsedTime(startTimestamp).TotalNanoseconds);
        }
    }

    /// <summary>A call failed or its answer was wrong. A system that only fails ends the window early.</summary>
    public void Failed(Exception error)
    {
        if (Interlocked.Increment(ref _errors) == 1)
        {
            FirstError = $"{error.GetType().Name}: {error.Message}";
        }

        if (Errors > MaxErrors)
        {
            _stopped = true;
        }
    }

    /// <summary>The latencies recorded, in µs.</summary>
    public double Percentile(double share) => _latencies.PercentileMicroseconds(share);

    /// <summary>One worker's messages; alone on its cache lines.</summary>
    [System.Runtime.InteropServices.StructLayout(System.Runtime.InteropServices.LayoutKind.Explicit, Size = 192)]
    internal sealed class StreamCounter
    {
        [System.Runtime.InteropServices.FieldOffset(64)]
        public long Items;
    }
}
