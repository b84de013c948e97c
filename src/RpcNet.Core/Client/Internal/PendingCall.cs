using System.Buffers;
using System.Numerics;
using RpcNet.Framing;

namespace RpcNet.Client.Internal;

/// <summary>A unary call on a lane, from its request to its completion. Completed once, by whoever took its slot.</summary>
internal abstract class PendingCall : IThreadPoolWorkItem
{
    /// <summary>What a pooled call keeps; larger answers borrow their memory.</summary>
    private const int KeptBytes = 1024;

    private byte[] _buffer = [];
    private int _extensionLength;
    private int _payloadLength;
    private CancellationTokenRegistration _registration;

    /// <summary>The method called.</summary>
    public abstract RpcMethod Method { get; }

    public uint CallId { get; private set; }

    public FrameTicket Ticket { get; set; }

    /// <summary>Timestamp of the clock; <see cref="long.MaxValue"/> for none.</summary>
    public long Deadline { get; private set; }

    public ClientLane Lane { get; private set; } = null!;

    protected ClientConnection Connection { get; private set; } = null!;

    protected CallSetup Setup { get; private set; }

    protected CancellationToken CancellationToken { get; private set; }

    /// <summary>Set before completion when the call did not end with a response from the server.</summary>
    protected Exception? Error { get; private set; }

    protected FrameHeader Header { get; private set; }

    protected ReadOnlyMemory<byte> Extension => _buffer.AsMemory(0, _extensionLength);

    protected ReadOnlyMemory<byte> Payload => _buffer.AsMemory(_extensionLength, _payloadLength);

    private long Generation { get; set; }

    public void Attach(
        ClientConnection connection, ClientLane lane, CallSetup setup, long deadline, CancellationToken cancellationToken)
    {
        Deadline = deadline;
        Connection = connection;
        Lane = lane;
        Setup = setup;
        CancellationToken = cancellationToken;
        Ticket = FrameTicket.None;
    }

    public void Bind(uint callId, long generation)
    {
        CallId = callId;
        Generation = generation;
    }

    /// <summary>Starts to listen for the caller's cancellation; called after the request was appended.</summary>
    public void RegisterCancellation()
    {
        if (CancellationToken.CanBeCanceled)
        {
            _registration = CancellationToken.UnsafeRegister(static state => ((PendingCall)state!).Cancel(), this);
        }
    }

    /// <summary>Completes with a frame of the server. The frame's memory is copied; user code runs on the thread pool.</summary>
    public void CompleteWith(in Frame frame)
    {
        Header = frame.Header;
        _extensionLength = frame.Extension.Length;
        _payloadLength = frame.Payload.Length;
        var size = _extensionLength + _payloadLength;
        if (_buffer.Length < size)
        {
            _buffer = size <= KeptBytes
                ? new byte[Math.Max(128, BitOperations.RoundUpToPowerOf2((uint)size))]
                : ArrayPool<byte>.Shared.Rent(size);
        }

        frame.Extension.CopyTo(_buffer);
        frame.Payload.CopyTo(_buffer.AsMemory(_extensionLength));

        Connection.Dispatch.Enqueue(this);
    }

    /// <summary>Completes with a local failure.</summary>
    public void CompleteWith(Exception error)
    {
        Error = error;
        Connection.Dispatch.Enqueue(this);
    }

    public abstract void Execute();

    protected void Reset()
    {
        _registration.Dispose();
        _registration = default;
        if (_buffer.Length > KeptBytes)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }

        Connection = null!;
        Lane = null!;
        Setup = default;
        CancellationToken = default;
        Error = null;
        Header = default;
        _extensionLength = 0;
        _payloadLength = 0;
    }

    private void Cancel()
    {
        if (Connection.TryTake(this, CallId, Generation))
        {
            Connection.Withdraw(this, CancelReason.Cancelled);
            CompleteWith(new OperationCanceledException(CancellationToken));
        }
    }
}
