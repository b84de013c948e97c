using System.Diagnostics.CodeAnalysis;

namespace RpcNet.Cluster;

/// <summary>The name of a node: 1 to 64 characters, unique in its cluster, the same across restarts.</summary>
/// <remarks>Compared ordinally. <c>default</c> is the empty id, which no node bears.</remarks>
public readonly struct NodeId : IEquatable<NodeId>, IComparable<NodeId>, ISpanParsable<NodeId>
{
    /// <summary>The longest id, in characters.</summary>
    public const int MaxLength = 64;

    private readonly string? _value;

    /// <summary>Creates the id.</summary>
    /// <exception cref="ArgumentException">
    /// The value is empty, longer than <see cref="MaxLength"/>, or holds a character outside of printable ASCII.
    /// </exception>
    public NodeId(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (Complaint(value) is { } complaint)
        {
            throw new ArgumentException(complaint, nameof(value));
        }

        _value = value;
    }

    /// <summary>The id as text; empty for <c>default</c>.</summary>
    public string Value => _value ?? string.Empty;

    /// <summary>Whether this is <c>default</c>, the id that no node bears.</summary>
    public bool IsEmpty => _value is null;

    /// <summary>Whether both ids are the same text.</summary>
    public static bool operator ==(NodeId left, NodeId right) => left.Equals(right);

    /// <summary>Whether the ids differ.</summary>
    public static bool operator !=(NodeId left, NodeId right) => !left.Equals(right);

    /// <summary>Ordinal order.</summary>
    public static bool operator <(NodeId left, NodeId right) => left.CompareTo(right) < 0;

    /// <summary>Ordinal order.</summary>
    public static bool operator >(NodeId left, NodeId right) => left.CompareTo(right) > 0;

    /// <summary>Ordinal order.</summary>
    public static bool operator <=(NodeId left, NodeId right) => left.CompareTo(right) <= 0;

    /// <summary>Ordinal order.</summary>
    public static bool operator >=(NodeId left, NodeId right) => left.CompareTo(right) >= 0;

    /// <inheritdoc/>
    public static NodeId Parse(string s, IFormatProvider? provider = null) => new(s);

    /// <inheritdoc/>
    public static NodeId Parse(ReadOnlySpan<char> s, IFormatProvider? provider) => new(s.ToString());

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out NodeId result) =>
        TryParse(s.AsSpan(), provider, out result);

    /// <inheritdoc/>
    public static bool TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out NodeId result)
    {
        result = Complaint(s) is null ? new NodeId(s.ToString()) : default;
        return !result.IsEmpty;
    }

    /// <inheritdoc/>
    public bool Equals(NodeId other) => string.Equals(_value, other._value, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is NodeId other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _value is null ? 0 : _value.GetHashCode(StringComparison.Ordinal);

    /// <inheritdoc/>
    public int CompareTo(NodeId other) => string.CompareOrdinal(_value, other._value);

    /// <inheritdoc/>
    public override string ToString() => Value;

    private static string? Complaint(ReadOnlySpan<char> value) => value switch
    {
        { IsEmpty: true } => "A node id must not be empty.",
        { Length: > MaxLength } => $"A node id has at most {MaxLength} characters; this one has {value.Length}.",
        _ when value.ContainsAnyExceptInRange('!', '~') =>
            $"A node id holds printable ASCII without spaces; '{value}' does not.",
        _ => null,
    };
}
