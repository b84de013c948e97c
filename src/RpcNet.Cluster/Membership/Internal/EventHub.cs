using System.Collections.Immutable;
using System.Runtime.CompilerServices;

namespace RpcNet.Cluster.Membership;

/// <summary>The current view and its subscribers. One publisher; any number of readers.</summary>
internal sealed class EventHub(int bufferSize, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly List<Subscription> _subscriptions = [];
    private volatile View _view = new([]);
    private TaskCompletionSource _changed = NewSignal();
    private bool _closed;

    public ImmutableArray<ClusterMember> Members => _view.Members;

    /// <summary>Replaces the view, then hands the events that led to it to all subscribers.</summary>
    public void Publish(ImmutableArray<ClusterMember>? members, IReadOnlyList<ClusterEvent> events)
    {
        TaskCompletionSource? changed = null;
        lock (_lock)
        {
            if (_closed)
            {
                return;
            }

            if (members is { } view)
            {
                _view = new View(view);
                changed = _changed;
                _changed = NewSignal();
            }

            foreach (var subscription in _subscriptions)
            {
                foreach (var e in events)
                {
                    subscription.Add(e);
                }
            }
        }

        changed?.TrySetResult();
    }

    public async IAsyncEnumerable<ClusterEvent> SubscribeAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var subscription = new Subscription(bufferSize);
        lock (_lock)
        {
            if (_closed)
            {
                yield break;
            }

            subscription.Add(new ClusterSnapshot(time.GetUtcNow(), _view.Members));
            _subscriptions.Add(subscription);
        }

        try
        {
            while (true)
            {
                ClusterEvent? next;
                Task? wait = null;
                bool closed;
                lock (_lock)
                {
                    closed = _closed;
                    if (!subscription.TryTake(out next) && !closed)
                    {
                        if (subscription.Dropped > 0)
                        {
                            next = subscription.Resume(time.GetUtcNow(), _view.Members);
                        }
                        else
                        {
                            wait = subscription.WaitAsync();
                        }
                    }
                }

                if (next is not null)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    yield return next;
                }
                else if (wait is not null)
                {
                    await wait.WaitAsync(cancellationToken).ConfigureAwait(false);
                }
                else
                {
                    yield break;
                }
            }
        }
        finally
        {
            lock (_lock)
            {
                _subscriptions.Remove(subscription);
            }
        }
    }

    public async ValueTask<ImmutableArray<ClusterMember>> WaitForAsync(
        Func<ImmutableArray<ClusterMember>, bool> condition,
        CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed;
            ImmutableArray<ClusterMember> members;
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_closed, typeof(ClusterNode));
                changed = _changed.Task;
                members = _view.Members;
            }

            if (condition(members))
            {
                return members;
            }

            await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Ends all subscriptions after what they have buffered, and all waits with <see cref="ObjectDisposedException"/>.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            foreach (var subscription in _subscriptions)
            {
                subscription.Wake();
            }
        }

        _changed.TrySetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed record View(ImmutableArray<ClusterMember> Members);

    /// <summary>A bounded buffer that, once full, takes nothing more until its reader has emptied it. Guarded by the hub's lock.</summary>
    private sealed class Subscription(int capacity)
    {
        private readonly Queue<ClusterEvent> _events = new();
        private TaskCompletionSource? _waiter;

        public long Dropped { get; private set; }

        public void Add(ClusterEvent e)
        {
            if (Dropped > 0 || _events.Count >= capacity)
            {
                Dropped++;
            }
            else
            {
                _events.Enqueue(e);
            }

            Wake();
        }

        public bool TryTake(out ClusterEvent? e) => _events.TryDequeue(out e);

        public ClusterEvent Resume(DateTimeOffset now, ImmutableArray<ClusterMember> members)
        {
            var report = new EventsDropped(now, Dropped);
            Dropped = 0;
            _events.Enqueue(new ClusterSnapshot(now, members));
            return report;
        }

        public Task WaitAsync() => (_waiter ??= NewSignal()).Task;

        public void Wake()
        {
            _waiter?.TrySetResult();
            _waiter = null;
        }
    }
}
