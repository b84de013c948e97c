namespace RpcNet.Testing.InMemory;

/// <summary>The way from one transport to another: its conditions, whether it is cut, and what travels on it.</summary>
internal sealed class Link(InMemoryNetwork network)
{
    private readonly Dictionary<long, MessageQueue> _queues = [];
    private readonly List<TaskCompletionSource> _healed = [];
    private volatile LinkConditions? _conditions;
    private volatile bool _cut;

    public InMemoryNetwork Network => network;

    public bool IsCut => _cut;

    /// <summary>Overrides the network's conditions; null follows them.</summary>
    public LinkConditions? Conditions
    {
        get => _conditions;
        set => _conditions = value;
    }

    public bool IsDirect => !_cut && (_conditions ?? network.Conditions).IsDirect;

    public TimeSpan NextDelay() => network.NextDelay(_conditions ?? network.Conditions);

    public void Add(MessageQueue queue)
    {
        lock (_queues)
        {
            _queues.Add(queue.ConnectionNumber, queue);
        }
    }

    public void Remove(MessageQueue queue)
    {
        lock (_queues)
        {
            _queues.Remove(queue.ConnectionNumber);
        }
    }

    public void Cut() => _cut = true;

    public void Heal()
    {
        MessageQueue[] held;
        TaskCompletionSource[] waiting;
        lock (_queues)
        {
            _cut = false;
            held = [.. _queues.OrderBy(q => q.Key).Select(q => q.Value)];
            waiting = [.. _healed];
            _healed.Clear();
        }

        foreach (var queue in held)
        {
            queue.Retransmit();
        }

        foreach (var healed in waiting)
        {
            network.Resume(healed, static h => h.TrySetResult());
        }
    }

    /// <summary>One handshake flight.</summary>
    public async ValueTask TravelAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            TaskCompletionSource? healed = null;
            lock (_queues)
            {
                if (_cut)
                {
                    healed = new TaskCompletionSource();
                    _healed.Add(healed);
                }
            }

            if (healed is null)
            {
                break;
            }

            try
            {
                await healed.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                lock (_queues)
                {
                    _healed.Remove(healed);
                }
            }
        }

        if (IsDirect)
        {
            return;
        }

        network.MessageSent();
        try
        {
            await Task.Delay(NextDelay(), network.Time, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            network.MessageArrived();
        }
    }
}
