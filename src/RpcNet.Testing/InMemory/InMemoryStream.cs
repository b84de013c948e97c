using RpcNet.Transports;

namespace RpcNet.Testing.InMemory;

/// <summary>One end of a stream. Guarded by the connection's gate; state changes before messages are sent.</summary>
internal sealed partial class InMemoryStream : ITransportStream
{
    private readonly InMemoryConnection _connection;
    private bool _disposed;

    public InMemoryStream(InMemoryConnection connection, long id, TransportStreamDirection direction, bool isLocal)
    {
        _connection = connection;
        Id = id;
        Direction = direction;
        IsLocal = isLocal;
        IsTaken = isLocal;
        _sendCredit = connection.PeerStreamWindow;
        _sendEnded = !CanWrite;
        _receiveEnded = !CanRead;
        if (!CanWrite)
        {
            _writesClosed.SetResult();
        }
    }

    public long Id { get; }

    public bool CanRead => Direction == TransportStreamDirection.Bidirectional || !IsLocal;

    public bool CanWrite => Direction == TransportStreamDirection.Bidirectional || IsLocal;

    public TransportStreamDirection Direction { get; }

    /// <summary>Whether this side opened it.</summary>
    public bool IsLocal { get; }

    /// <summary>Whether the application has it.</summary>
    public bool IsTaken { get; set; }

    /// <summary>Whether both directions are done with.</summary>
    public bool HasEnded { get; private set; }

    public ValueTask DisposeAsync()
    {
        lock (_connection.Gate)
        {
            if (!_disposed)
            {
                _disposed = true;
                if (!_finSent)
                {
                    ResetCore(_connection.Options.DefaultStreamErrorCode);
                }

                StopCore(_connection.Options.DefaultStreamErrorCode);
            }
        }

        return ValueTask.CompletedTask;
    }

    public void Receive(in Message message)
    {
        switch (message.Kind)
        {
            case MessageKind.Fin:
                ReceiveFin();
                break;
            case MessageKind.Reset:
                ReceiveReset(message.Value);
                break;
            case MessageKind.FinAcknowledged:
                ReceiveFinAcknowledged();
                break;
            case MessageKind.StopSending:
                ReceiveStopSending(message.Value);
                break;
            case MessageKind.StreamCredit:
                _sendCredit += message.Value;
                Unblock();
                break;
            default:
                throw new InvalidOperationException($"A stream cannot receive {message.Kind}.");
        }
    }

    public void ConnectionEnded(TransportException why)
    {
        EndSending(why);
        EndReceiving(why);
    }

    private void EndIfDone()
    {
        if (_sendEnded && _receiveEnded && !HasEnded)
        {
            HasEnded = true;
            _connection.StreamEnded(this);
        }
    }

    private TransportException Disposed(string what) => new(TransportError.Disposed, $"{what} of stream {Id} was aborted or disposed.");

    private TransportException Aborted(long code) =>
        new(TransportError.StreamAborted, $"The peer aborted stream {Id} with code {code}.", code);
}
