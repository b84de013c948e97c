using RpcNet.Transports;

namespace RpcNet.Testing.InMemory;

internal sealed partial class InMemoryConnection
{
    private readonly Dictionary<long, InMemoryStream> _streams = [];
    private readonly Queue<InMemoryStream> _inbound = [];
    private readonly LinkedList<Waiter<InMemoryStream>>[] _opening = [[], []];
    private readonly List<InMemoryStream> _blocked = [];
    private readonly int[] _openCredits = new int[2];
    private readonly long[] _opened = new long[2];
    private readonly long[] _seen = new long[2];
    private readonly HashSet<long> _skipped = [];
    private Waiter<InMemoryStream>? _accepting;
    private long _sendCredit;
    private long _consumed;

    public async ValueTask<ITransportStream> OpenStreamAsync(
        TransportStreamDirection direction, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        LinkedListNode<Waiter<InMemoryStream>> opening;
        lock (_gate)
        {
            ThrowIfGone();
            if (_openCredits[(int)direction] > 0)
            {
                return Open(direction);
            }

            opening = _opening[(int)direction].AddLast(new Waiter<InMemoryStream>(Network));
        }

        using (cancellationToken.UnsafeRegister((_, token) => CancelOpen(opening, token), state: null))
        {
            return await opening.Value.WaitAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask<ITransportStream> AcceptStreamAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Waiter<InMemoryStream> accepting;
        lock (_gate)
        {
            ThrowIfGone();
            if (_accepting is not null)
            {
                throw new InvalidOperationException("Another accept is pending.");
            }

            if (_inbound.TryDequeue(out var waiting))
            {
                Taken(waiting);
                return waiting;
            }

            accepting = _accepting = new Waiter<InMemoryStream>(Network);
        }

        using (cancellationToken.UnsafeRegister((_, token) => CancelAccept(accepting, token), state: null))
        {
            return await accepting.WaitAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Takes what a stream may send now of <paramref name="wanted"/> bytes; none blocks it until credit arrives.</summary>
    internal int TakeSendCredit(InMemoryStream stream, int wanted)
    {
        var taken = (int)Math.Min(wanted, _sendCredit);
        _sendCredit -= taken;
        if (taken == 0 && wanted > 0)
        {
            _blocked.Add(stream);
        }

        return taken;
    }

    /// <summary>This side has read, or thrown away, bytes that the peer counts against the connection's window.</summary>
    internal void Consumed(int count)
    {
        _consumed += count;
        if (_consumed >= _end.Options.ConnectionReceiveWindow / 2)
        {
            var credit = _consumed;
            _consumed = 0;
            _out.Send(new Message(MessageKind.ConnectionCredit, 0, credit));
        }
    }

    internal void StreamEnded(InMemoryStream stream)
    {
        _streams.Remove(stream.Id);
        if (!stream.IsLocal && stream.IsTaken)
        {
            _out.Send(new Message(MessageKind.StreamsCredit, 0, (long)stream.Direction));
        }
    }

    private InMemoryStream Open(TransportStreamDirection direction)
    {
        _openCredits[(int)direction]--;
        var id = (_opened[(int)direction]++ << 2) | ((long)direction << 1) | (_isClient ? 0L : 1L);
        var stream = new InMemoryStream(this, id, direction, isLocal: true);
        _streams.Add(id, stream);
        return stream;
    }

    private void CancelOpen(LinkedListNode<Waiter<InMemoryStream>> opening, CancellationToken token)
    {
        lock (_gate)
        {
            if (opening.List is { } list)
            {
                list.Remove(opening);
                opening.Value.TrySetCanceled(token);
            }
        }
    }

    private void CancelAccept(Waiter<InMemoryStream> accepting, CancellationToken token)
    {
        lock (_gate)
        {
            if (_accepting == accepting)
            {
                _accepting = null;
                accepting.TrySetCanceled(token);
            }
        }
    }

    private void AddConnectionCredit(long credit)
    {
        _sendCredit += credit;
        foreach (var stream in _blocked)
        {
            stream.Unblock();
        }

        _blocked.Clear();
    }

    private void AddStreamsCredit(TransportStreamDirection direction)
    {
        _openCredits[(int)direction]++;
        if (_opening[(int)direction].First is { } first)
        {
            _opening[(int)direction].RemoveFirst();
            first.Value.TrySetResult(Open(direction));
        }
    }

    // A stream opens at the acceptor with its first message. A late message of a stream that has ended finds none.
    private InMemoryStream? FindStream(long id)
    {
        if (_streams.TryGetValue(id, out var stream))
        {
            return stream;
        }

        var openedByClient = (id & 1) == 0;
        if (openedByClient == _isClient)
        {
            return null;
        }

        var direction = (TransportStreamDirection)((id >> 1) & 1);
        var number = id >> 2;
        ref var seen = ref _seen[(int)direction];
        if (number < seen && !_skipped.Remove(id))
        {
            return null;
        }

        for (; seen <= number; seen++)
        {
            if (seen < number)
            {
                _skipped.Add((seen << 2) | (id & 3));
            }
        }

        stream = new InMemoryStream(this, id, direction, isLocal: false);
        _streams.Add(id, stream);
        if (_accepting is { } accepting)
        {
            _accepting = null;
            Taken(stream);
            accepting.TrySetResult(stream);
        }
        else
        {
            _inbound.Enqueue(stream);
        }

        return stream;
    }

    private void Taken(InMemoryStream stream)
    {
        stream.IsTaken = true;
        if (stream.HasEnded)
        {
            _out.Send(new Message(MessageKind.StreamsCredit, 0, (long)stream.Direction));
        }
    }

    private void EndStreams(TransportException why)
    {
        foreach (var opening in _opening.SelectMany(list => list))
        {
            opening.TrySetException(why.Again());
        }

        Array.ForEach(_opening, list => list.Clear());
        _accepting?.TrySetException(why.Again());
        _accepting = null;
        foreach (var stream in _streams.Values)
        {
            stream.ConnectionEnded(why);
        }

        _streams.Clear();
        _inbound.Clear();
        _blocked.Clear();
    }
}
