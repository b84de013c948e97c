namespace RpcNet.Cluster.Swim;

/// <summary>Hashes that are the same in every process, unlike <see cref="object.GetHashCode"/>.</summary>
internal static class StableHash
{
    /// <summary>FNV-1a over UTF-16 code units, then mixed.</summary>
    public static ulong Of(ReadOnlySpan<char> text)
    {
        var hash = 0xcbf29ce484222325UL;
        foreach (var c in text)
        {
            hash = (hash ^ c) * 0x100000001b3UL;
        }

        return Mix(hash);
    }

    /// <summary>The finalizer of SplitMix64: a bijection that spreads every input bit over the output.</summary>
    public static ulong Mix(ulong value)
    {
        value += 0x9e3779b97f4a7c15UL;
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9UL;
        value = (value ^ (value >> 27)) * 0x94d049bb133111ebUL;
        return value ^ (value >> 31);
    }
}
