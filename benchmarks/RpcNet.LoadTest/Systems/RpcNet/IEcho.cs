using PolyType;

namespace RpcNet.LoadTest.Systems;

/// <summary>The work, as an RpcNet contract.</summary>
[RpcService("benchmark.Echo")]
public interface IEcho
{
    ValueTask<EchoMessage> UnaryAsync(EchoMessage message, CancellationToken cancellationToken = default);

    IAsyncEnumerable<EchoMessage> ReceiveAsync(StreamOrder order, CancellationToken cancellationToken = default);

    ValueTask<long> SendAsync(IAsyncEnumerable<EchoMessage> messages, CancellationToken cancellationToken = default);

    IAsyncEnumerable<EchoMessage> ExchangeAsync(IAsyncEnumerable<EchoMessage> messages, CancellationToken cancellationToken = default);
}

/// <summary>A message of any size.</summary>
[GenerateShape]
public sealed partial record EchoMessage(byte[] Payload);

/// <summary>Asks for messages until the call is cancelled.</summary>
[GenerateShape]
public sealed partial record StreamOrder(int PayloadBytes, long BytesPerSecond);
