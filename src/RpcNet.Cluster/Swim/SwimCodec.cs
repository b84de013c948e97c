namespace RpcNet.Cluster.Swim;

/// <summary>The messages' encoding.</summary>
internal static class SwimCodec
{
    /// <summary>The bytes that tags take on the wire.</summary>
    public static int MeasureTags(IEnumerable<KeyValuePair<string, string>> tags)
    {
        var size = 1;
        var count = 0;
        foreach (var (key, value) in tags)
        {
            size += MeasureString(key) + MeasureString(value);
            count++;
        }

        return count < 16 ? size : size + 2;
    }

    /// <summary>The bytes that a string takes as MessagePack.</summary>
    public static int MeasureString(string text)
    {
        var bytes = System.Text.Encoding.UTF8.GetByteCount(text);
        return bytes + (bytes < 32 ? 1 : bytes < 256 ? 2 : 3);
    }
}
