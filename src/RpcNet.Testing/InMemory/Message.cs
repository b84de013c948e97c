using System.Buffers;

namespace RpcNet.Testing.InMemory;

internal enum MessageKind
{
    /// <summary>Bytes of a stream: Buffer[..Value].</summary>
    Data,

    Fin,

    FinAcknowledged,

    /// <summary>RESET_STREAM with code Value.</summary>
    Reset,

    /// <summary>STOP_SENDING with code Value.</summary>
    StopSending,

    /// <summary>The reader consumed Value bytes of the stream.</summary>
    StreamCredit,

    /// <summary>The reader consumed Value bytes of the connection's window.</summary>
    ConnectionCredit,

    /// <summary>One more stream of the direction in Value may be opened.</summary>
    StreamsCredit,

    Ping,

    /// <summary>CONNECTION_CLOSE with code Value.</summary>
    Close,
}

/// <summary>What one end of a connection sends to the other; a data message owns its pooled buffer.</summary>
internal readonly record struct Message(MessageKind Kind, long StreamId, long Value, byte[]? Buffer = null)
{
    public void Release()
    {
        if (Buffer is not null)
        {
            ArrayPool<byte>.Shared.Return(Buffer);
        }
    }
}
