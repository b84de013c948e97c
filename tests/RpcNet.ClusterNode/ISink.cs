namespace RpcNet.ClusterNode;

/// <summary>Takes bytes and forgets them.</summary>
[RpcService("test.v1.Sink")]
public interface ISink
{
    /// <summary>Takes bytes and says how many.</summary>
    ValueTask<int> PutAsync(byte[] data, CancellationToken cancellationToken = default);
}

/// <summary>The sink.</summary>
public sealed class Sink : ISink
{
    /// <inheritdoc/>
    public ValueTask<int> PutAsync(byte[] data, CancellationToken cancellationToken = default) => new(data.Length);
}
