namespace RpcNet.Transports;

/// <summary>One QUIC stream: an ordered byte stream with flow control, FIN, reset and stop-sending of its own.</summary>
/// <remarks>
/// At most one read and one write are pending at a time (a second one may throw <see cref="InvalidOperationException"/>);
/// a read and a write may overlap, and the abort methods may be called at any time, after disposal too. Reading where
/// <see cref="CanRead"/> is false, or writing where <see cref="CanWrite"/> is, throws
/// <see cref="InvalidOperationException"/>. Buffers belong to the caller again when the call completes. A call whose token
/// is cancelled beforehand does nothing. A cancelled read leaves the stream readable with nothing lost. A cancelled write
/// leaves an unknown part written, so the write side is reset with
/// <see cref="TransportConnectionOptions.DefaultStreamErrorCode"/>. Disposal aborts what is not finished, with the same
/// code: it resets an unfinished write side, stops an unread read side and ends pending calls with
/// <see cref="TransportError.Disposed"/>; data already written with FIN is still delivered. It does not wait for the peer
/// and may be repeated.
/// </remarks>
public interface ITransportStream : IAsyncDisposable
{
    /// <summary>The QUIC stream id.</summary>
    long Id { get; }

    /// <summary>Whether this side may read.</summary>
    bool CanRead { get; }

    /// <summary>Whether this side may write.</summary>
    bool CanWrite { get; }

    /// <summary>
    /// Reads at least one byte; 0 means that the peer finished the stream (FIN), however often it is asked. With an empty
    /// buffer it returns 0 at once and tells nothing. Bytes that arrived before a reset may be dropped.
    /// </summary>
    /// <exception cref="TransportException">
    /// <see cref="TransportError.StreamAborted"/> with the peer's code after a reset,
    /// <see cref="TransportError.Disposed"/> after a local <see cref="AbortRead"/>, or the connection's end.
    /// </exception>
    ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default);

    /// <summary>
    /// Promises that whoever awaits a read of this stream neither blocks nor runs user code before it reads again: the
    /// engine may then resume it on its own I/O thread with the bytes of a successful read, which saves a change of threads.
    /// Failures and the end of the stream are still told elsewhere. An engine may ignore it.
    /// </summary>
    void AllowInlineReads()
    {
    }

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

    /// <summary>
    /// Promises that whoever awaits a write to this stream neither blocks nor runs user code before it writes again, as
    /// <see cref="AllowInlineReads"/> does of reads. Failures are still told elsewhere. An engine may ignore it.
    /// </summary>
    void AllowInlineWrites()
    {
    }

    /// <summary>
    /// Has what is written to this stream go ahead of what waits on other streams of the connection: for short messages that
    /// somebody waits for, beside bulk. It never holds the others up for good. An engine may ignore it.
    /// </summary>
    void Prioritize()
    {
    }

    /// <summary>
    /// Tells the peer to stop sending (STOP_SENDING); pending and later reads fail. No effect after FIN was read or after an
    /// earlier abort, of either side, and where this side may not read.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The code is not within 0 … 2^62−1.</exception>
    void AbortRead(long errorCode);

    /// <summary>
    /// Resets the write side (RESET_STREAM); pending and later writes fail. No effect after the FIN was acknowledged or after
    /// an earlier abort, of either side, and where this side may not write. On a fresh stream it still opens the stream at
    /// the peer.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The code is not within 0 … 2^62−1.</exception>
    void AbortWrite(long errorCode);

    /// <summary>
    /// Completes when the peer has acknowledged everything up to the FIN; faults with a <see cref="TransportException"/>
    /// when the write side ended otherwise: <see cref="TransportError.StreamAborted"/> by the peer's stop-sending,
    /// <see cref="TransportError.Disposed"/> by this side, or the connection's end. Already completed where this side may
    /// not write. Nobody has to await it: its fault is never reported as unobserved.
    /// </summary>
    Task WritesClosed { get; }
}
