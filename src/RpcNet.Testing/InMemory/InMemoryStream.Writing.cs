using RpcNet.Transports;

namespace RpcNet.Testing.InMemory;

internal sealed partial class InMemoryStream
{
    private const int LargestMessage = 64 * 1024;

    private readonly TaskCompletionSource _writesClosed = new();
    private long _sendCredit;
    private bool _finSent;
    private bool _finAcknowledged;
    private bool _sendEnded;
    private bool _writeUnderWay;
    private TransportException? _sendError;
    private Waiter<bool>? _writing;

    public Task WritesClosed => _writesClosed.Task;

    public async ValueTask WriteAsync(
        ReadOnlyMemory<byte> buffer, bool endStream, CancellationToken cancellationToken = default)
    {
        if (!CanWrite)
        {
            throw new InvalidOperationException($"Stream {Id} carries nothing to the peer.");
        }

        cancellationToken.ThrowIfCancellationRequested();
        lock (_connection.Gate)
        {
            if (_sendError is not null)
            {
                throw _sendError.Again();
            }

            if (_writeUnderWay)
            {
                throw new InvalidOperationException($"Another write to stream {Id} is pending.");
            }

            _writeUnderWay = true;
        }

        try
        {
            while (TrySend(ref buffer, endStream) is { } blocked)
            {
                using (cancellationToken.UnsafeRegister((_, token) => CancelWrite(blocked, token), state: null))
                {
                    await blocked.WaitAsync().ConfigureAwait(false);
                }
            }
        }
        finally
        {
            lock (_connection.Gate)
            {
                _writeUnderWay = false;
            }
        }
    }

    public void AbortWrite(long errorCode)
    {
        ErrorCodes.ThrowIfInvalid(errorCode);
        lock (_connection.Gate)
        {
            ResetCore(errorCode);
        }
    }

    /// <summary>There is credit again, or an error to report.</summary>
    public void Unblock()
    {
        _writing?.TrySetResult(true);
        _writing = null;
    }

    /// <summary>Sends as much as the windows allow; a waiter is returned when they are full.</summary>
    private Waiter<bool>? TrySend(ref ReadOnlyMemory<byte> buffer, bool endStream)
    {
        lock (_connection.Gate)
        {
            while (true)
            {
                if (_sendError is not null)
                {
                    throw _sendError.Again();
                }

                if (_finSent || _disposed)
                {
                    throw Disposed("Writing");
                }

                if (buffer.IsEmpty)
                {
                    if (endStream)
                    {
                        _finSent = true;
                        _connection.Out.Send(new Message(MessageKind.Fin, Id, 0));
                    }

                    return null;
                }

                var wanted = (int)Math.Min(Math.Min(buffer.Length, LargestMessage), _sendCredit);
                var count = _connection.TakeSendCredit(this, wanted);
                if (count == 0)
                {
                    return _writing = new Waiter<bool>(_connection.Network);
                }

                _sendCredit -= count;
                var bytes = buffer.Span[..count];
                buffer = buffer[count..];
                _connection.Out.SendData(Id, bytes);
            }
        }
    }

    private void CancelWrite(Waiter<bool> writing, CancellationToken token)
    {
        lock (_connection.Gate)
        {
            if (_writing == writing)
            {
                _writing = null;
                ResetCore(_connection.Options.DefaultStreamErrorCode);
                writing.TrySetCanceled(token);
            }
        }
    }

    private void ReceiveFinAcknowledged()
    {
        if (_sendError is null)
        {
            _finAcknowledged = true;
            _sendEnded = true;
            _connection.Network.Resume(_writesClosed, static w => w.TrySetResult());
            EndIfDone();
        }
    }

    private void ReceiveStopSending(long code)
    {
        if (_sendError is null && !_sendEnded)
        {
            EndSending(Aborted(code));
            _sendEnded = true;
            _connection.Out.Send(new Message(MessageKind.Reset, Id, code));
            EndIfDone();
        }
    }

    private void ResetCore(long errorCode)
    {
        if (_sendError is null && !_sendEnded)
        {
            EndSending(Disposed("Writing"));
            _sendEnded = true;
            _connection.Out.Send(new Message(MessageKind.Reset, Id, errorCode));
            EndIfDone();
        }
    }

    private void EndSending(TransportException error)
    {
        if (_sendError is not null || _finAcknowledged || !CanWrite)
        {
            return;
        }

        _sendError = error;
        Unblock();
        _connection.Network.Resume((_writesClosed, error.Again()), static s =>
        {
            s._writesClosed.TrySetException(s.Item2);
            _ = s._writesClosed.Task.Exception; // observed: nobody has to await it
        });
    }
}
