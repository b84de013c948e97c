namespace RpcNet.Cluster.Membership;

/// <summary>
/// A thread for one node's gossip. What is posted runs there in order, and so does everything that is awaited there: an engine that
/// hands its completions to the waiter's context thus never goes through the thread pool, whatever else keeps that busy.
/// </summary>
internal sealed class GossipThread : SynchronizationContext
{
    private readonly object _gate = new();
    private readonly Queue<(SendOrPostCallback Callback, object? State)> _work = new();
    private readonly TimeProvider _time;
    private readonly long _epoch;
    private readonly Action _wake;
    private readonly Action<Exception> _failed;
    private readonly Thread _thread;
    private TimeSpan _wakeAt = TimeSpan.MaxValue;
    private bool _started;
    private bool _stopped;

    /// <param name="name">The thread's name.</param>
    /// <param name="time">A clock that runs at the speed of real time.</param>
    /// <param name="wake">Called on the thread when the time given to <see cref="WakeIn"/> has passed.</param>
    /// <param name="failed">Gets what a callback threw: a defect, which must end neither the process nor the thread without a word.</param>
    public GossipThread(string name, TimeProvider time, Action wake, Action<Exception> failed)
    {
        _time = time;
        _epoch = time.GetTimestamp();
        _wake = wake;
        _failed = failed;
        _thread = new Thread(Run) { IsBackground = true, Name = name };
    }

    private TimeSpan Now => _time.GetElapsedTime(_epoch);

    /// <summary>Ends the thread, which the first work started, after what is posted already; what comes later runs on the thread pool.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            _stopped = true;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Asks for one wake-up call; the last request counts.</summary>
    public void WakeIn(TimeSpan delay)
    {
        lock (_gate)
        {
            _wakeAt = Now + delay;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Runs this from its start on the thread.</summary>
    public Task RunAsync(Func<Task> action)
    {
        var started = new TaskCompletionSource<Task>(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(
            _ =>
            {
                try
                {
                    started.SetResult(action());
                }
                catch (Exception e)
                {
                    started.SetException(e);
                }
            },
            null);
        return started.Task.Unwrap();
    }

    public override void Post(SendOrPostCallback d, object? state)
    {
        lock (_gate)
        {
            if (!_stopped)
            {
                _work.Enqueue((d, state));
                Monitor.Pulse(_gate);
                if (!_started)
                {
                    _started = true;
                    _thread.Start();
                }

                return;
            }
        }

        ThreadPool.UnsafeQueueUserWorkItem(static work => work.Callback(work.State), (Callback: d, State: state), preferLocal: false);
    }

    public override void Send(SendOrPostCallback d, object? state) =>
        throw new NotSupportedException("Nobody may wait for the gossip thread.");

    public override SynchronizationContext CreateCopy() => this;

    private void Run()
    {
        SetSynchronizationContext(this);
        while (Take(out var callback, out var state))
        {
            try
            {
                callback(state);
            }
            catch (Exception e)
            {
                _failed(e);
            }
        }
    }

    private bool Take(out SendOrPostCallback callback, out object? state)
    {
        lock (_gate)
        {
            while (true)
            {
                // Time first: a flood of messages must not keep the node from its probes.
                if (Now >= _wakeAt)
                {
                    _wakeAt = TimeSpan.MaxValue;
                    (callback, state) = (static wake => ((Action)wake!)(), _wake);
                    return true;
                }

                if (_work.TryDequeue(out var work))
                {
                    (callback, state) = work;
                    return true;
                }

                if (_stopped)
                {
                    (callback, state) = (static _ => { }, null);
                    return false;
                }

                var left = _wakeAt == TimeSpan.MaxValue ? Timeout.InfiniteTimeSpan : _wakeAt - Now;
                if (left == Timeout.InfiniteTimeSpan)
                {
                    Monitor.Wait(_gate);
                }
                else if (left > TimeSpan.Zero)
                {
                    Monitor.Wait(_gate, TimeSpan.FromMilliseconds(Math.Min(Math.Ceiling(left.TotalMilliseconds), int.MaxValue)));
                }
            }
        }
    }
}
