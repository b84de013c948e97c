using System.Net.Quic;
using System.Runtime.Versioning;

namespace RpcNet.Transports.SystemNetQuic;

[SupportedOSPlatform("linux")]
[SupportedOSPlatform("macos")]
[SupportedOSPlatform("windows")]
internal sealed class SystemNetQuicStream : ITransportStream
{
    // msquic takes a write of any size at once while its send buffer has room, so that only smaller ones are held back.
    private const int LargestWrite = 64 * 1024;

    private readonly SystemNetQuicConnection _connection;
    private readonly QuicStream _native;
    private readonly Lock _gate = new();
    private Task? _readable;
    private Task? _writesClosed;
    private bool _finSent;
    private bool _disposed;
    private volatile bool _readAborted;
    private volatile bool _writeAborted;

    public SystemNetQuicStream(SystemNetQuicConnection connection, QuicStream native)
    {
        _connection = connection;
        _native = native;
        Id = native.Id;
        CanRead = native.CanRead;
        CanWrite = native.CanWrite;
    }

    public long Id { get; }

    public bool CanRead { get; }

    public bool CanWrite { get; }

    public Task WritesClosed
    {
        get
        {
            lock (_gate)
            {
                return _writesClosed ??= CanWrite ? Observed(ObserveWritesClosedAsync()) : Task.CompletedTask;
            }
        }
    }

    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!CanRead)
        {
            throw new InvalidOperationException($"Stream {Id} carries nothing to this side.");
        }

        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfAborted(_readAborted, "Reading");
        try
        {
            if (buffer.IsEmpty)
            {
                return 0;
            }

            if (cancellationToken.CanBeCanceled || _readable is not null)
            {
                await WaitUntilReadableAsync(cancellationToken).ConfigureAwait(false);
            }

            return await _native.ReadAsync(buffer, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (SystemNetQuicConnection.IsEnd(e))
        {
            throw await _connection.EndOfAsync(ErrorMapping.OfStream(e, Id), _readAborted).ConfigureAwait(false);
        }
    }

    public async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer, bool endStream, CancellationToken cancellationToken = default)
    {
        if (!CanWrite)
        {
            throw new InvalidOperationException($"Stream {Id} carries nothing to the peer.");
        }

        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfAborted(_writeAborted || _finSent, "Writing");
        if (buffer.IsEmpty && !endStream)
        {
            return;
        }

        try
        {
            while (buffer.Length > LargestWrite)
            {
                await _native.WriteAsync(buffer[..LargestWrite], completeWrites: false, cancellationToken).ConfigureAwait(false);
                buffer = buffer[LargestWrite..];
            }

            _finSent = endStream;
            await _native.WriteAsync(buffer, endStream, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            _writeAborted = true;
            throw new OperationCanceledException(cancellationToken);
        }
        catch (Exception e) when (SystemNetQuicConnection.IsEnd(e))
        {
            throw await _connection.EndOfAsync(ErrorMapping.OfStream(e, Id), _writeAborted).ConfigureAwait(false);
        }
    }

    public void AbortRead(long errorCode)
    {
        ErrorCodes.ThrowIfInvalid(errorCode);
        lock (_gate)
        {
            if (CanRead && !_disposed && !_native.ReadsClosed.IsCompleted)
            {
                _readAborted = true;
                _native.Abort(QuicAbortDirection.Read, errorCode);
            }
        }
    }

    public void AbortWrite(long errorCode)
    {
        ErrorCodes.ThrowIfInvalid(errorCode);
        lock (_gate)
        {
            if (CanWrite && !_disposed && !_native.WritesClosed.IsCompleted)
            {
                _writeAborted = true;
                _native.Abort(QuicAbortDirection.Write, errorCode);
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return ValueTask.CompletedTask;
            }

            // System.Net.Quic would finish an unfinished write side with FIN, as if its content were whole.
            if (!_finSent)
            {
                AbortWrite(_connection.DefaultStreamErrorCode);
            }

            AbortRead(_connection.DefaultStreamErrorCode);
            _readAborted = true;
            _disposed = true;
        }

        _connection.Release(_native);
        return ValueTask.CompletedTask;
    }

    // A cancelled native read aborts the read side. An empty one waits for data without taking any, so it can be left
    // pending, and the next read goes on with it.
    private async ValueTask WaitUntilReadableAsync(CancellationToken cancellationToken)
    {
        if (_readable is null)
        {
            var waiting = _native.ReadAsync(Memory<byte>.Empty, CancellationToken.None);
            if (waiting.IsCompletedSuccessfully)
            {
                await waiting.ConfigureAwait(false);
                return;
            }

            _readable = Observed(waiting.AsTask());
        }

        await _readable.WaitAsync(cancellationToken).ConfigureAwait(false);
        _readable = null;
    }

    private async Task ObserveWritesClosedAsync()
    {
        try
        {
            await _native.WritesClosed.ConfigureAwait(false);
        }
        catch (Exception e) when (SystemNetQuicConnection.IsEnd(e) || e is OperationCanceledException)
        {
            var mapped = e is OperationCanceledException ? Aborted("Writing", e) : ErrorMapping.OfStream(e, Id);
            throw await _connection.EndOfAsync(mapped, _writeAborted).ConfigureAwait(false);
        }
    }

    private void ThrowIfAborted(bool aborted, string what)
    {
        if (aborted || _disposed)
        {
            throw Aborted(what, inner: null);
        }
    }

    private TransportException Aborted(string what, Exception? inner) =>
        new(TransportError.Disposed, $"{what} of stream {Id} was aborted, finished or disposed by this side.", innerException: inner);

    // Whoever waits sees the fault; where nobody does, it is no unobserved one.
    private static Task Observed(Task task)
    {
        task.ContinueWith(
            static failed => _ = failed.Exception,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        return task;
    }
}
