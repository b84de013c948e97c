using System.Runtime.CompilerServices;
using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

internal sealed unsafe partial class Connection
{
    // A stream gives way to the others after this many bytes.
    private const int Burst = 16 * 1024;

    private const int MaxVectors = 8;

    // Urgent streams let the others have a turn after this many bytes.
    private const int UrgentBurst = 64 * 1024;

    // What is in flight stands before whatever is sent next, in the peer's socket if not on the path. Three segmented sends
    // keep both ends busy on a path of 100 µs; longer paths get as much more, and those of a millisecond are left alone. So is
    // bulk that no urgent stream was busy beside for a while.
    private const long BulkPerRtt = 192 * 1024;
    private const ulong CappedRtt = 100_000;
    private const ulong UncappedRtt = 1_000_000;
    private const ulong UrgentMemory = 20_000_000;

    private readonly Lock _openGate = new();
    private readonly StreamLimit _bidirectional;
    private readonly StreamLimit _unidirectional;
    private readonly Dictionary<long, Stream> _streams = [];
    private readonly Queue<Stream> _sendQueue = new();
    private readonly Queue<Stream> _urgentQueue = new();

    // Put aside until the peer allows more, or until less is in flight. A stream whose writer goes on meanwhile comes by again.
    private readonly HashSet<Stream> _blocked = [];
    private readonly HashSet<Stream> _capped = [];
    private readonly List<(long StreamId, long Code)> _stopped = [];
    private OpenedStreams _opened;
    private Stream? _streamRequests;
    private long _credit;
    private long _bulkInFlight;
    private long _bulkCap = long.MaxValue;
    private ulong _urgentUntil;
    private int _urgentBurst;

    public ValueTask<ITransportStream> OpenStreamAsync(
        TransportStreamDirection direction, CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<ITransportStream>(cancellationToken);
        }

        OpenWaiter waiter;
        lock (_openGate)
        {
            if (_end is { } end)
            {
                return ValueTask.FromException<ITransportStream>(end.Copy());
            }

            if (_closeRequest is not null)
            {
                return ValueTask.FromException<ITransportStream>(Failures.Disposed("The connection"));
            }

            var limit = direction == TransportStreamDirection.Bidirectional ? _bidirectional : _unidirectional;
            if (limit.TryOpen() is { } stream)
            {
                return ValueTask.FromResult<ITransportStream>(stream);
            }

            waiter = limit.Wait();
        }

        return waiter.WaitAsync(cancellationToken);
    }

    /// <summary>Has the loop look at the stream. Any thread; once per stream until it has.</summary>
    public void PostStream(Stream stream)
    {
        Stream? head;
        do
        {
            head = Volatile.Read(ref _streamRequests);
            stream.NextRequest = head;
        }
        while (Interlocked.CompareExchange(ref _streamRequests, stream, head) != head);
        RequestAttention();
    }

    /// <summary>The application has read this much: the peer may send as much again, on any stream.</summary>
    public void AddCredit(int bytes)
    {
        if (Interlocked.Add(ref _credit, bytes) >= _options.ConnectionReceiveWindow / 8)
        {
            RequestAttention();
        }
    }

    public void GrantCredit(long streamId, int bytes, bool stream)
    {
        _loop.AssertOwned();
        NgApi.ExtendMaxOffset(Native, (ulong)bytes);
        if (stream)
        {
            _ = NgApi.ExtendMaxStreamOffset(Native, streamId, (ulong)bytes);
        }
    }

    /// <summary>Bytes of streams that are not urgent have been sent, or acknowledged.</summary>
    public void AddInFlight(int bytes) => _bulkInFlight += bytes;

    public void GrantStream(bool bidirectional)
    {
        if (_native == 0)
        {
            return;
        }

        if (bidirectional)
        {
            NgApi.ExtendMaxStreamsBidirectional(Native, 1);
        }
        else
        {
            NgApi.ExtendMaxStreamsUnidirectional(Native, 1);
        }
    }

    public bool WasLossy(long streamId) => _native != 0 && NgApi.GetStreamLossCount(Native, streamId) != 0;

    /// <summary>The stream has something to send.</summary>
    public void QueueSend(Stream stream)
    {
        if (!stream.SendQueued)
        {
            stream.SendQueued = true;
            stream.Burst = 0;
            if (stream.IsUrgent)
            {
                _urgentUntil = _loop.Now + UrgentMemory;
                _urgentQueue.Enqueue(stream);
            }
            else
            {
                _sendQueue.Enqueue(stream);
            }
        }
    }

    private static long StreamId(long number, bool bidirectional, bool server) =>
        (number << 2) | (bidirectional ? 0L : 2L) | (server ? 1L : 0L);

    // Under the open lock.
    private Stream CreateLocal(long number, bool bidirectional)
    {
        var stream = new Stream(this, StreamId(number, bidirectional, IsServer), bidirectional, local: true);
        _opened.Add(stream);
        return stream;
    }

    private Stream? TakeOpened()
    {
        if (_opened.IsEmpty)
        {
            return null;
        }

        lock (_openGate)
        {
            return _opened.TakeAll();
        }
    }

    private Stream? StreamById(long id) => _streams.TryGetValue(id, out var stream) ? stream : null;

    private void OnStreamOpened(long id)
    {
        var stream = new Stream(this, id, bidirectional: (id & 2) == 0, local: false) { IsOpen = true };
        _streams.Add(id, stream);
        if (!HoldUnjudged(stream))
        {
            Announce(stream);
        }
    }

    private void Announce(Stream stream)
    {
        if (!_incoming.TryAdd(stream))
        {
            stream.Fail(_end ?? Failures.Disposed("The connection"));
        }
    }

    private void OnStreamClosed(long id, long? code)
    {
        if (_streams.Remove(id, out var stream))
        {
            stream.OnClosed(code);
        }
    }

    // Ids were given out in order, so that libngtcp2 gives the same ones.
    private void OpenRequestedStreams()
    {
        for (var stream = TakeOpened(); stream is not null; stream = stream.TakeNextOpen())
        {
            if (!Open(stream))
            {
                FailUnopened(stream);
                return;
            }

            stream.IsOpen = true;
            _streams.Add(stream.Id, stream);
        }
    }

    private bool Open(Stream stream)
    {
        long id;
        var result = stream.IsBidirectional ? NgApi.OpenBidirectional(Native, &id, 0) : NgApi.OpenUnidirectional(Native, &id, 0);
        if (result == 0 && id == stream.Id)
        {
            return true;
        }

        CloseWithLibraryError(
            new TransportException(TransportError.Internal, $"A stream cannot be opened: {NgError.Text(result)}."),
            NgError.CallbackFailure);
        return false;
    }

    private void GrantConnectionCredit()
    {
        if (Volatile.Read(ref _credit) != 0)
        {
            NgApi.ExtendMaxOffset(Native, (ulong)Interlocked.Exchange(ref _credit, 0));
        }
    }

    private Stream? TakeStreamRequests()
    {
        Stream? ordered = null;
        for (var next = Interlocked.Exchange(ref _streamRequests, null); next is not null;)
        {
            var following = next.NextRequest;
            next.NextRequest = ordered;
            ordered = next;
            next = following;
        }

        return ordered;
    }

    private void ProcessStreamRequests(Stream? requests)
    {
        for (var next = requests; next is not null;)
        {
            var stream = next;
            next = stream.NextRequest;
            stream.NextRequest = null;
            if (_state < ConnectionState.Closing)
            {
                stream.ProcessRequests(Native);
            }
        }
    }

    private void DropStreamRequests()
    {
        for (var next = TakeStreamRequests(); next is not null;)
        {
            var stream = next;
            next = stream.NextRequest;
            stream.NextRequest = null;
        }

        FailUnopened(TakeOpened());
    }

    private void FailUnopened(Stream? first)
    {
        for (var stream = first; stream is not null; stream = stream.TakeNextOpen())
        {
            stream.Fail(_end!);
        }
    }

    private void ReportStoppedStreams()
    {
        if (_stopped.Count == 0)
        {
            return;
        }

        foreach (var (id, code) in _stopped)
        {
            StreamById(id)?.OnStopSending(code);
        }

        _stopped.Clear();
    }

    private void FailStreams(TransportException reason)
    {
        lock (_openGate)
        {
            // Whoever opens a stream after this sees the end of the connection.
        }

        _bidirectional.Fail(reason);
        _unidirectional.Fail(reason);
        foreach (var stream in _streams.Values)
        {
            stream.Fail(reason);
        }

        FailUnopened(TakeOpened());
    }

    private void FreeStreams()
    {
        foreach (var stream in _streams.Values)
        {
            stream.ReleaseSendBuffer();
        }

        _streams.Clear();
        _sendQueue.Clear();
        _urgentQueue.Clear();
        _capped.Clear();
        _blocked.Clear();
    }

    private void RetryBlocked()
    {
        if (_blocked.Count > 0 && NgApi.GetMaxDataLeft(Native) > 0)
        {
            Requeue(_blocked);
        }
    }

    private void RetryCapped()
    {
        if (_sendQueue.Count == 0 && _capped.Count == 0)
        {
            return;
        }

        NgConnectionInfo info;
        NgApi.GetConnectionInfo(Native, NgApi.ConnectionInfoVersion, &info);
        _bulkCap = info.MinRtt >= UncappedRtt || _loop.Now >= _urgentUntil
            ? long.MaxValue
            : (long)(BulkPerRtt * Math.Max(info.MinRtt, CappedRtt) / CappedRtt);
        if (_capped.Count > 0 && _bulkInFlight < _bulkCap)
        {
            Requeue(_capped);
        }
    }

    private void Requeue(HashSet<Stream> aside)
    {
        foreach (var stream in aside)
        {
            QueueSend(stream);
        }

        aside.Clear();
    }

    private Queue<Stream> NextQueue() =>
        _urgentQueue.Count > 0 && (_urgentBurst < UrgentBurst || _sendQueue.Count == 0) ? _urgentQueue : _sendQueue;

    private static void DequeueSend(Queue<Stream> queue) => queue.Dequeue().SendQueued = false;

    // Produces one packet, from as many streams as fit. The vectors are written before they are read: to clear them takes vector
    // registers wider than what libngtcp2 and GnuTLS use, and the processor waits between the two.
    [SkipLocalsInit]
    private nint WriteOne(NgPath* path, NgPacketInfo* info, byte* dest, int capacity)
    {
        var vectors = stackalloc NgVec[MaxVectors];
        while (true)
        {
            var queue = NextQueue();
            if (!queue.TryPeek(out var stream))
            {
                return NgApi.WriteStream(
                    Native, path, NgApi.PacketInfoVersion, info, dest, (nuint)capacity, null, 0, -1, null, 0, _loop.Now);
            }

            if (!stream.IsUrgent && _bulkInFlight >= _bulkCap)
            {
                DequeueSend(queue);
                _capped.Add(stream);
                continue;
            }

            var count = stream.Gather(new Span<NgVec>(vectors, MaxVectors), capacity, out var gathered, out var fin);
            if (count == 0 && !fin)
            {
                DequeueSend(queue);
                continue;
            }

            var flags = (fin ? NgApi.WriteFlagFin : 0) | (_sendQueue.Count + _urgentQueue.Count > 1 ? NgApi.WriteFlagMore : 0);
            nint accepted = -1;
            var written = NgApi.WriteStream(
                Native, path, NgApi.PacketInfoVersion, info, dest, (nuint)capacity, &accepted, flags, stream.Id, vectors,
                (nuint)count, _loop.Now);
            if (accepted >= 0)
            {
                var unsent = stream.OnSent((int)accepted, fin && accepted == gathered);
                _urgentBurst = queue == _urgentQueue ? _urgentBurst + (int)accepted : 0;
                if (!unsent)
                {
                    DequeueSend(queue);
                }
                else if (stream.Burst >= Burst && queue.Count > 1)
                {
                    DequeueSend(queue);
                    QueueSend(stream);
                }
            }

            switch (written)
            {
                case NgError.WriteMore:
                    continue;
                case NgError.StreamDataBlocked:
                    // By its own window: the peer's grant queues it again.
                    DequeueSend(queue);
                    continue;
                case 0 when count > 0 && NgApi.GetMaxDataLeft(Native) == 0:
                    // By the connection's window, which a stream that only ends does not need.
                    DequeueSend(queue);
                    _blocked.Add(stream);
                    continue;
                case NgError.StreamShutWrite or NgError.StreamNotFound:
                    DequeueSend(queue);
                    continue;
                default:
                    return written;
            }
        }
    }
}
