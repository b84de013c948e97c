namespace RpcNet;

/// <summary>How payloads are compressed.</summary>
public enum RpcCompressionAlgorithm
{
    /// <summary>Not at all.</summary>
    None = 0,

    /// <summary>Brotli (RFC 7932).</summary>
    Brotli = 1,
}

/// <summary>Compression of what one side sends, and its consent to take compressed payloads.</summary>
/// <remarks>
/// Payloads are compressed where both sides have it on, each its own. Compression next to encryption leaks: whoever can
/// put text beside a secret and watch the lengths learns the secret (CRIME, BREACH). Leave it off for services that
/// answer with secrets and what their callers chose in one message.
/// </remarks>
public sealed record RpcCompressionOptions
{
    /// <summary>The algorithm; with another value than None this side also takes compressed payloads.</summary>
    /// <value>Default None.</value>
    public RpcCompressionAlgorithm Algorithm { get; init; }

    /// <summary>The smallest payload that is compressed; one that does not shrink is sent as it is.</summary>
    /// <value>Bytes; default 1 KiB; 64 … 1 GiB.</value>
    public int ThresholdBytes { get; init; } = 1024;

    /// <summary>The effort: more takes longer and saves more.</summary>
    /// <value>Default 4; 0 … 11.</value>
    public int Level { get; init; } = 4;

    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    internal void Validate()
    {
        if (!Enum.IsDefined(Algorithm))
        {
            throw new ArgumentOutOfRangeException(nameof(Algorithm), Algorithm, "RpcCompressionOptions.Algorithm must be None or Brotli.");
        }

        Check(ThresholdBytes, 64, 1 << 30, nameof(ThresholdBytes));
        Check(Level, 0, 11, nameof(Level));
    }

    private static void Check(int value, int least, int most, string name)
    {
        if (value < least || value > most)
        {
            throw new ArgumentOutOfRangeException(name, value, $"RpcCompressionOptions.{name} must be between {least} and {most}.");
        }
    }
}
