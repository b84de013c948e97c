namespace RpcNet.Testing.InMemory;

/// <summary>The way from one transport to another: its conditions, whether it is cut, and what travels on it.</summary>
internal sealed class Link(InMemoryNetwork network, InMemoryTransport to)
{
    private readonly Dictionary<long, MessageQueue> _queues = [];
    private readonly List<TaskCompletionSource> _healed = [];
    private volatile LinkConditions? _conditions;
    private volatile bool _cut;

    public InMemoryNetwork Network => network;

    /// <summary>Whether what is sent waits.</summary>
    public bool IsCut => _cut || !to.IsReading;

    /// <summary>Overrides the network's conditions; null follows them.</summary>
    public LinkConditions? Conditions
    {
        get => _conditions;
        set => _conditions = value;
    }

    public bool IsDirect => !IsCut && (_conditions ?? network.Conditions).IsDirect;

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
        _cut = false;
        Release();
    }

    /// <summary>Lets what waited set out, unless the link is still cut.</summary>
    public void Release()
    {
        MessageQueue[] held;
        TaskCompletionSource[] waiting;
        lock (_queues)
        {
            if (IsCut)
            {
                return;
            }

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
        do
        {
            await WaitUntilHealedAsync(cancellationToken).ConfigureAwait(false);
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
        while (IsCut);
    }

    private async ValueTask WaitUntilHealedAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            TaskCompletionSource healed;
            lock (_queues)
            {
                if (!IsCut)
                {
                    return;
                }

                healed = new TaskCompletionSource();
                _healed.Add(healed);
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
    }
}
