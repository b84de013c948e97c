namespace RpcNet.Transports;

/// <summary>One QUIC stream: an ordered byte stream with flow control, FIN, reset and stop-sending of its own.</summary>
/// <remarks>
/// At most one read and one write are pending at a time; a read and a write may overlap, and the abort methods may be
/// called at any time. Buffers belong to the caller again when the call completes. A cancelled read leaves the stream
/// readable with nothing lost. A cancelled write leaves an unknown part written, so the write side is reset with
/// <see cref="TransportConnectionOptions.DefaultStreamErrorCode"/>. Disposal aborts what is not finished: it resets an
/// unfinished write side and stops an unread read side; data already written with FIN is still delivered.
/// </remarks>
public interface ITransportStream : IAsyncDisposable
{
    /// <summary>The QUIC stream id.</summary>
    long Id { get; }

    /// <summary>Whether this side may read.</summary>
    bool CanRead { get; }

    /// <summary>Whether this side may write.</summary>
    bool CanWrite { get; }

    /// <summary>Reads at least one byte; 0 means that the peer finished the stream (FIN).</summary>
    /// <exception cref="TransportException">
    /// <see cref="TransportError.StreamAborted"/> with the peer's code after a reset,
    /// <see cref="TransportError.Disposed"/> after a local <see cref="AbortRead"/>, or the connection's end.
    /// </exception>
    ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default);

    /// <summary>
    /// Writes all bytes and, with <paramref name="endStream"/>, the FIN. Completes when the engine has taken the bytes
    /// (back-pressure: a bounded amount is buffered), not when the peer has them. An empty write without FIN sends
    /// nothing and completes at once.
    /// </summary>
    /// <exception cref="TransportException">
    /// <see cref="TransportError.StreamAborted"/> with the peer's code after its stop-sending,
    /// <see cref="TransportError.Disposed"/> after a local <see cref="AbortWrite"/> or a write after FIN, or the
    /// connection's end.
    /// </exception>
    ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, bool endStream, CancellationToken cancellationToken = default);

    /// <summary>Tells the peer to stop sending (STOP_SENDING); pending and later reads fail. No effect after FIN was read.</summary>
    void AbortRead(long errorCode);

    /// <summary>Resets the write side (RESET_STREAM); pending and later writes fail. No effect after the FIN was acknowledged.</summary>
    void AbortWrite(long errorCode);

    /// <summary>
    /// Completes when the peer has acknowledged everything up to the FIN; faults with a <see cref="TransportException"/>
    /// when the write side ended otherwise. Already completed where this side may not write.
    /// </summary>
    Task WritesClosed { get; }
}
