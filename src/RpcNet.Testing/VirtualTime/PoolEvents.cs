using System.Diagnostics.Tracing;
using System.Runtime.InteropServices;

namespace RpcNet.Testing.VirtualTime;

/// <summary>Hears, on the thread concerned, of each item that is queued to the thread pool and of each that is taken from it.</summary>
/// <remarks>
/// The events are those that PerfView shows as ThreadPoolEnqueueWork and ThreadPoolDequeueWork. They name an item by its hash
/// code of 26 bits: two items of one code in the queue at the same moment can be taken for each other.
/// </remarks>
internal sealed class PoolEvents : EventListener
{
    private const string SourceName = "System.Diagnostics.Eventing.FrameworkEventSource";
    private const EventKeywords ThreadPoolKeyword = (EventKeywords)2;
    private const int EnqueueWork = 30;
    private const int DequeueWork = 31;
    private const int VerificationAttempts = 200;

    private static readonly TimeSpan VerificationPatience = TimeSpan.FromSeconds(30);
    private static readonly Lock s_gate = new();
    private static readonly Dictionary<long, Queue<WorkTracker>> s_queued = [];
    private static readonly Lazy<PoolEvents> s_listener = new(static () => new PoolEvents());

    /// <summary>Listens from now on, for as long as the process lasts: the pool notices only now and then that nobody does any more.</summary>
    public static void Listen() => _ = s_listener.Value;

    /// <summary>Proves on this runtime that items are noticed when they are queued, taken and ended.</summary>
    /// <remarks>Called on a thread outside of the pool.</remarks>
    /// <exception cref="PlatformNotSupportedException">They are not.</exception>
    public static void Verify()
    {
        var tracker = new WorkTracker();
        for (var attempt = 0; ; attempt++)
        {
            if (attempt == VerificationAttempts)
            {
                throw Unsupported("when an item is queued (is EventSource support switched off?)");
            }

            // The pool looks only now and then whether somebody listens.
            if (Probe(tracker, foreign: false, out var adopted))
            {
                if (!adopted)
                {
                    throw Unsupported("when an item is taken");
                }

                break;
            }
        }

        if (!tracker.WaitForIdle(VerificationPatience))
        {
            throw Unsupported("when an item has ended");
        }

        Probe(tracker, foreign: true, out _);
        if (!tracker.WaitForIdle(VerificationPatience))
        {
            throw Unsupported("when an item of another context has ended");
        }
    }

    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name == SourceName)
        {
            EnableEvents(eventSource, EventLevel.Verbose, ThreadPoolKeyword);
        }
    }

    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        if (eventData is { EventId: EnqueueWork, Payload: [long queued] })
        {
            Enqueued(queued);
        }
        else if (eventData is { EventId: DequeueWork, Payload: [long taken] })
        {
            Dequeued(taken);
        }
    }

    private static void Enqueued(long item)
    {
        if (ThreadWork.CurrentTracker is not { } tracker)
        {
            return;
        }

        tracker.Begin();
        tracker.CountQueued();
        lock (s_gate)
        {
            ref var owners = ref CollectionsMarshal.GetValueRefOrAddDefault(s_queued, item, out _);
            (owners ??= new Queue<WorkTracker>(1)).Enqueue(tracker);
        }
    }

    private static void Dequeued(long item)
    {
        WorkTracker? tracker = null;
        lock (s_gate)
        {
            if (s_queued.TryGetValue(item, out var owners))
            {
                tracker = owners.Dequeue();
                if (owners.Count == 0)
                {
                    s_queued.Remove(item);
                }
            }
        }

        ThreadWork.Current.Adopt(tracker);
        tracker?.End();
    }

    private static bool Probe(WorkTracker tracker, bool foreign, out bool adopted)
    {
        using var ran = new ManualResetEventSlim();
        var other = new AsyncLocal<object?>();
        var bearsTracker = false;
        var before = tracker.Queued;
        TaskCompletionSource? gate = null;
        if (foreign)
        {
            gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            other.Value = gate;
            _ = ContinueAsync(gate.Task, ran);
            other.Value = null;
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(static learn => ThreadWork.LearnNameInPool(), state: false, preferLocal: false);
        }

        using (tracker.Enter())
        {
            if (gate is null)
            {
                ThreadPool.UnsafeQueueUserWorkItem(
                    _ =>
                    {
                        bearsTracker = WorkTracker.Current == tracker;
                        ran.Set();
                    },
                    state: false,
                    preferLocal: false);
            }
            else
            {
                gate.SetResult();
            }
        }

        ran.Wait(VerificationPatience);
        adopted = bearsTracker;
        return tracker.Queued > before;
    }

    private static async Task ContinueAsync(Task gate, ManualResetEventSlim ran)
    {
        await gate.ConfigureAwait(false);
        ran.Set();
    }

    private static PlatformNotSupportedException Unsupported(string what) =>
        new($"RpcTestCluster cannot run here: the thread pool of {RuntimeInformation.FrameworkDescription} does not tell {what}.");
}
