using System.Runtime.CompilerServices;
using RpcNet.LoadTest.Measuring;

namespace RpcNet.LoadTest.Systems;

/// <summary>The handler; a scoped service, resolved for each call.</summary>
internal sealed class EchoService : IEcho
{
    public ValueTask<EchoMessage> UnaryAsync(EchoMessage message, CancellationToken cancellationToken) => new(message);

    public async IAsyncEnumerable<EchoMessage> ReceiveAsync(
        StreamOrder order, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var message = new EchoMessage(new byte[order.PayloadBytes]);
        var pacer = new Pacer(order.PayloadBytes, order.BytesPerSecond);
        while (!cancellationToken.IsCancellationRequested)
        {
            await pacer.NextAsync();
            yield return message;
        }
    }

    public async ValueTask<long> SendAsync(IAsyncEnumerable<EchoMessage> messages, CancellationToken cancellationToken)
    {
        var count = 0L;
        await foreach (var message in messages.WithCancellation(cancellationToken))
        {
            count++;
        }

        return count;
    }

    public IAsyncEnumerable<EchoMessage> ExchangeAsync(IAsyncEnumerable<EchoMessage> messages, CancellationToken cancellationToken) =>
        messages;
}
