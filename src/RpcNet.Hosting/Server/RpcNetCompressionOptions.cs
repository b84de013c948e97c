namespace RpcNet.Hosting;

/// <summary>
/// Compression of payloads, of what this process serves and of what it calls; used on connections whose both sides have it on.
/// Configuration section <c>RpcNet:Compression</c>.
/// </summary>
public sealed class RpcNetCompressionOptions
{
    /// <summary>
    /// The algorithm of what this process sends; with another value than None it also takes compressed payloads. Compression beside
    /// encryption can betray secrets to whoever chooses part of a message and watches its length.
    /// </summary>
    /// <value>None or Brotli; default None.</value>
    public RpcCompressionAlgorithm Algorithm { get; set; }

    /// <summary>The smallest payload in bytes that is compressed; one that does not shrink is sent as it is.</summary>
    /// <value>64 … 1,073,741,824; default 1,024.</value>
    public int ThresholdBytes { get; set; } = 1024;

    /// <summary>The effort: more takes longer and saves more.</summary>
    /// <value>0 … 11; default 4.</value>
    public int Level { get; set; } = 4;

    internal RpcCompressionOptions ToCompression() => new()
    {
        Algorithm = Algorithm,
        ThresholdBytes = ThresholdBytes,
        Level = Level,
    };
}
