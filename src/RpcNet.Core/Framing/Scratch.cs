namespace RpcNet.Framing;

/// <summary>One buffer a thread, for messages that are copied on right after they were written.</summary>
internal static class Scratch
{
    private const int KeptBytes = 64 * 1024;

    [ThreadStatic]
    private static PooledBufferWriter? _cached;

    /// <summary>Gives an empty buffer; user code that makes a call while it is in use gets another one.</summary>
    public static PooledBufferWriter Rent()
    {
        var buffer = _cached ?? new PooledBufferWriter();
        _cached = null;
        return buffer;
    }

    public static void Return(PooledBufferWriter buffer)
    {
        if (_cached is null)
        {
            buffer.Reset(KeptBytes);
            _cached = buffer;
        }
        else
        {
            buffer.Dispose();
        }
    }
}
