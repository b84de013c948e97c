using Orleans;
using RpcNet.LoadTest.Measuring;

namespace RpcNet.LoadTest.Systems;

/// <summary>The grain.</summary>
public sealed class EchoGrain : Grain, IEchoGrain
{
    public ValueTask<GrainMessage> Unary(GrainMessage message) => new(message);

    public async IAsyncEnumerable<GrainMessage> Receive(int payloadBytes, long bytesPerSecond)
    {
        var message = new GrainMessage(new byte[payloadBytes]);
        var pacer = new Pacer(payloadBytes, bytesPerSecond);
        while (true)
        {
            await pacer.NextAsync();
            yield return message;
        }
    }
}
