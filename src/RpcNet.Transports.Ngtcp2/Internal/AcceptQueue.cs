namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>What has arrived and waits to be accepted, and the one caller who waits for more.</summary>
internal sealed class AcceptQueue<T>
    where T : class
{
    private readonly Lock _gate = new();
    private readonly Queue<T> _items = new();
    private readonly OperationSource<T> _source = new();
    private CancellationToken _cancellation;
    private TransportException? _closed;
    private bool _pending;

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _items.Count;
            }
        }
    }

    /// <summary>Adds an item; false when the queue is closed or holds <paramref name="limit"/> already.</summary>
    public bool TryAdd(T item, int limit = int.MaxValue)
    {
        lock (_gate)
        {
            if (_closed is not null || _items.Count >= limit)
            {
                return false;
            }

            if (!_pending)
            {
                _items.Enqueue(item);
                return true;
            }

            _pending = false;
        }

        _source.SetResult(item);
        return true;
    }

    /// <summary>Fails the waiter and later callers, and returns what nobody took.</summary>
    public List<T> Close(TransportException reason)
    {
        List<T> left;
        lock (_gate)
        {
            if (_closed is not null)
            {
                return [];
            }

            _closed = reason;
            left = [.. _items];
            _items.Clear();
            if (!_pending)
            {
                return left;
            }

            _pending = false;
        }

        _source.SetException(reason.Copy());
        return left;
    }

    public ValueTask<T> TakeAsync(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<T>(cancellationToken);
        }

        short token;
        lock (_gate)
        {
            if (_pending)
            {
                throw new InvalidOperationException("One caller at a time may accept.");
            }

            if (_items.TryDequeue(out var item))
            {
                return ValueTask.FromResult(item);
            }

            if (_closed is not null)
            {
                return ValueTask.FromException<T>(_closed.Copy());
            }

            _pending = true;
            _cancellation = cancellationToken;
            token = _source.Arm();
        }

        _source.Register(static state => ((AcceptQueue<T>)state!).Cancel(), this, cancellationToken);
        return new ValueTask<T>(_source, token);
    }

    private void Cancel()
    {
        lock (_gate)
        {
            if (!_pending)
            {
                return;
            }

            _pending = false;
        }

        _source.SetException(new OperationCanceledException(_cancellation));
    }
}
