using System.Text;
using RpcNet.Transports;

namespace RpcNet.Framing;

/// <summary>This side's control stream: SETTINGS first, GOAWAY when it drains. Frames are written one at a time.</summary>
internal sealed class ControlStream(ITransportStream stream) : IAsyncDisposable
{
    private readonly SemaphoreSlim _writing = new(1, 1);

    public static async Task<ControlStream> OpenAsync(
        ITransportConnection connection, PeerSettings settings, CancellationToken cancellationToken)
    {
        var stream = await connection.OpenStreamAsync(TransportStreamDirection.Unidirectional, cancellationToken).ConfigureAwait(false);
        var control = new ControlStream(stream);
        using var buffer = new PooledBufferWriter();
        buffer.Advance(VarInt.Write(buffer.GetSpan(VarInt.MaxLength), StreamType.Control));
        using var payload = new PooledBufferWriter();
        settings.Write(payload);
        AppendFrame(buffer, FrameType.Settings, payload.WrittenSpan);
        await stream.WriteAsync(buffer.WrittenMemory, endStream: false, cancellationToken).ConfigureAwait(false);
        return control;
    }

    /// <summary>Tells the peer to make no new calls on this connection.</summary>
    public async Task SendGoAwayAsync(string reason, CancellationToken cancellationToken)
    {
        using var buffer = new PooledBufferWriter();
        AppendFrame(buffer, FrameType.GoAway, Encoding.UTF8.GetBytes(reason));
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await stream.WriteAsync(buffer.WrittenMemory, endStream: false, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _writing.Release();
        }
    }

    public ValueTask DisposeAsync()
    {
        _writing.Dispose();
        return stream.DisposeAsync();
    }

    private static void AppendFrame(PooledBufferWriter buffer, FrameType type, ReadOnlySpan<byte> payload)
    {
        var header = FrameHeader.Create(type, FrameFlags.None, 0, payload.Length, 0, 0);
        header.Write(buffer.GetSpan(FrameHeader.Size));
        buffer.Advance(FrameHeader.Size);
        buffer.Write(payload);
    }
}
