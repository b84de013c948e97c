using Grpc.Core;

namespace RpcNet.LoadTest.Systems;

/// <summary>
/// Batches small messages as far as grpc-dotnet lets an application do so: it flushes after each message unless told
/// that more follow.
/// </summary>
internal struct GrpcBatching(int messageBytes)
{
    private const int BatchBytes = 4 * 1024;

    private static readonly WriteOptions MoreFollows = new(WriteFlags.BufferHint);

    private readonly int _batch = Math.Max(1, BatchBytes / messageBytes);
    private int _position;

    /// <summary>The options of the next message.</summary>
    public WriteOptions? Next()
    {
        if (++_position < _batch)
        {
            return MoreFollows;
        }

        _position = 0;
        return null;
    }
}
