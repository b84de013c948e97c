using PolyType;
using StreamJsonRpc;

namespace RpcNet.LoadTest.Systems;

/// <summary>The work, as a StreamJsonRpc contract.</summary>
[JsonRpcContract]
[GenerateShape(IncludeMethods = MethodShapeFlags.PublicInstance)]
public partial interface IJsonEcho
{
    Task<byte[]> UnaryAsync(byte[] payload);

    IAsyncEnumerable<byte[]> ReceiveAsync(int payloadBytes, long bytesPerSecond, CancellationToken cancellationToken);

    Task<long> SendAsync(IAsyncEnumerable<byte[]> payloads, CancellationToken cancellationToken);
}
