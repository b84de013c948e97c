using Orleans;

namespace RpcNet.LoadTest.Systems;

/// <summary>The work, as an Orleans grain. Each caller has a grain of its own: one grain serves one call at a time.</summary>
public interface IEchoGrain : IGrainWithIntegerKey
{
    ValueTask<GrainMessage> Unary(GrainMessage message);

    IAsyncEnumerable<GrainMessage> Receive(int payloadBytes, long bytesPerSecond);
}

/// <summary>A message of any size; immutable, so that Orleans need not copy it.</summary>
[GenerateSerializer]
[Immutable]
public sealed record GrainMessage([property: Id(0)] byte[] Payload);
