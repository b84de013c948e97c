namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>Streams that libngtcp2 is yet to be told of, in the order of their ids. Guarded by the connection's open lock.</summary>
internal struct OpenedStreams
{
    private Stream? _first;
    private Stream? _last;

    /// <summary>Whether none is there; any thread may ask.</summary>
    public readonly bool IsEmpty => Volatile.Read(in _first) is null;

    public void Add(Stream stream)
    {
        if (_last is null)
        {
            _first = stream;
        }
        else
        {
            _last.NextOpen = stream;
        }

        _last = stream;
    }

    /// <summary>Gives the first of all and forgets them; <see cref="Stream.TakeNextOpen"/> gives the others.</summary>
    public Stream? TakeAll()
    {
        var first = _first;
        _first = _last = null;
        return first;
    }
}
