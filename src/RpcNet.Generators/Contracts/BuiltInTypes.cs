namespace RpcNet.Generators.Contracts;

/// <summary>The types whose shapes RpcNet.Abstractions brings (BuiltInShapes there; a test keeps them equal).</summary>
internal static class BuiltInTypes
{
    private static readonly string[] Primitives =
    [
        "bool", "byte", "sbyte", "short", "ushort", "int", "uint", "long", "ulong", "float", "double", "decimal", "char",
    ];

    private static readonly string[] Values =
    [
        .. Primitives,
        "System.Half", "System.Int128", "System.UInt128", "System.DateTime", "System.DateTimeOffset", "System.TimeSpan",
        "System.DateOnly", "System.TimeOnly", "System.Guid", "System.Text.Rune", "System.Numerics.BigInteger",
    ];

    /// <summary>The names, written as <see cref="Symbols.Readable"/> does.</summary>
    public static readonly ISet<string> Names = new HashSet<string>(
        [
            .. Values,
            .. Values.Select(v => v + "?"),
            .. Primitives.Select(p => p + "[]"),
            "string", "string[]", "System.Uri", "System.Version", "System.Guid[]",
            "System.Memory<byte>", "System.ReadOnlyMemory<byte>",
            .. new[] { "string", "int", "long", "double", "System.Guid" }
                .Select(t => $"System.Collections.Generic.List<{t}>"),
            "System.Collections.Generic.Dictionary<string, string>",
        ],
        StringComparer.Ordinal);
}
