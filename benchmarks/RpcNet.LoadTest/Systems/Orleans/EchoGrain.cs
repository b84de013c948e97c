using Orleans;
using RpcNet.LoadTest.Measuring;

namespace RpcNet.LoadTest.Systems;

/// <summary>The grain.</summary>
public sealed class EchoGrain : Grain, IEchoGrain
{
    /// <summary>The most messages that a client asks for at once.</summary>
    public const int MaxBatch = 256;

    public ValueTask<GrainMessage> Unary(GrainMessage message) => new(message);

    public async IAsyncEnumerable<GrainMessage> Receive(int payloadBytes, long bytesPerSecond)
    {
        // Within a batch Orleans sends an object that it has sent before as a reference to it: distinct ones are needed.
        var messages = Enumerable.Range(0, MaxBatch).Select(_ => new GrainMessage(new byte[payloadBytes])).ToArray();
        var pacer = new Pacer(payloadBytes, bytesPerSecond);
        for (var i = 0; ; i = (i + 1) % MaxBatch)
        {
            await pacer.NextAsync();
            yield return messages[i];
        }
    }
}
