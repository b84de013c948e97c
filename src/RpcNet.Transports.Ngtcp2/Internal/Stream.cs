using RpcNet.Transports.Ngtcp2.Internal.Native;

namespace RpcNet.Transports.Ngtcp2.Internal;

/// <summary>
/// One QUIC stream. The application's calls change state under the stream's lock and ask the loop for attention; the loop
/// alone talks to libngtcp2.
/// </summary>
internal sealed partial class Stream : ITransportStream, ICompletion
{
    private readonly Lock _gate = new();
    private readonly Connection _connection;
    private readonly bool _local;
    private long? _abortRead;
    private long? _abortWrite;
    private int _requested;
    private int _streamCredit;
    private bool _accepted;
    private bool _closed;
    private bool _disposed;
    private bool _granted;
    private volatile bool _urgent;

    public Stream(Connection connection, long id, bool bidirectional, bool local)
    {
        _connection = connection;
        _local = local;
        Id = id;
        IsBidirectional = bidirectional;
        CanRead = bidirectional || !local;
        CanWrite = bidirectional || local;
    }

    public long Id { get; }

    public bool CanRead { get; }

    public bool CanWrite { get; }

    public bool IsBidirectional { get; }

    /// <summary>Whether libngtcp2 knows the stream. Loop's thread.</summary>
    public bool IsOpen { get; set; }

    /// <summary>Whether it is in the connection's send queue. Loop's thread.</summary>
    public bool SendQueued { get; set; }

    /// <summary>Whether it goes ahead of the others.</summary>
    public bool IsUrgent => _urgent;

    /// <summary>Bytes sent since it came to the head of the send queue. Loop's thread.</summary>
    public int Burst { get; set; }

    /// <summary>The next stream in the connection's list of those that asked for attention.</summary>
    public Stream? NextRequest { get; set; }

    /// <summary>The next stream of those that libngtcp2 is yet to be told of.</summary>
    public Stream? NextOpen { private get; set; }

    /// <summary>Leaves that list and gives the next in it.</summary>
    public Stream? TakeNextOpen()
    {
        var next = NextOpen;
        NextOpen = null;
        return next;
    }

    public ValueTask DisposeAsync()
    {
        bool unfinished;
        lock (_gate)
        {
            if (_disposed)
            {
                return ValueTask.CompletedTask;
            }

            _disposed = true;
        }

        var code = _connection.Options.DefaultStreamErrorCode;
        AbortRead(code);
        lock (_gate)
        {
            unfinished = CanWrite && !_finRequested;
        }

        if (unfinished)
        {
            AbortWrite(code);
        }

        RequestAttention();
        return ValueTask.CompletedTask;
    }

    public void Prioritize() => _urgent = true;

    public void MarkAccepted()
    {
        lock (_gate)
        {
            _accepted = true;
            if (!_closed || _granted)
            {
                return;
            }
        }

        RequestAttention();
    }

    public void Complete()
    {
        CompleteRead();
        CompleteWrite();
    }

    /// <summary>Does what the application asked for since the last time. Loop's thread.</summary>
    public void ProcessRequests(nint native)
    {
        // Cleared before looking: what is asked after this comes again.
        Interlocked.Exchange(ref _requested, 0);
        long? abortRead, abortWrite;
        int credit;
        bool send;
        lock (_gate)
        {
            (abortRead, _abortRead) = (_abortRead, null);
            (abortWrite, _abortWrite) = (_abortWrite, null);
            (credit, _streamCredit) = (_streamCredit, 0);
            send = MaySend;
        }

        if (IsOpen && !_closed)
        {
            if (abortRead is { } readCode)
            {
                _ = NgApi.ShutdownStreamRead(native, 0, Id, (ulong)readCode);
            }

            if (abortWrite is { } writeCode)
            {
                _ = NgApi.ShutdownStreamWrite(native, 0, Id, (ulong)writeCode);
                ForgetInFlight();
            }

            if (credit > 0)
            {
                _ = NgApi.ExtendMaxStreamOffset(native, Id, (ulong)credit);
            }

            if (send)
            {
                _connection.QueueSend(this);
            }
        }

        GrantNextStream();
    }

    /// <summary>libngtcp2 has done with the stream: both directions have ended. Loop's thread.</summary>
    public void OnClosed(long? code)
    {
        lock (_gate)
        {
            _closed = true;
        }

        ForgetInFlight();
        EndWriting(code);
        EndReading(code);
        GrantNextStream();
    }

    /// <summary>The connection is over. Loop's thread.</summary>
    public void Fail(TransportException reason)
    {
        FailWriting(reason);
        FailReading(reason);
    }

    // The peer may open another stream once this one is done on the wire and the application has taken what it brought:
    // what waits to be accepted and read stays bounded.
    private void GrantNextStream()
    {
        if (_local)
        {
            return;
        }

        lock (_gate)
        {
            if (_granted || !_closed || !_accepted || _received.Length > 0)
            {
                return;
            }

            _granted = true;
        }

        _connection.GrantStream(IsBidirectional);
    }

    private void RequestAttention()
    {
        if (Interlocked.Exchange(ref _requested, 1) == 0)
        {
            _connection.PostStream(this);
        }
    }
}
