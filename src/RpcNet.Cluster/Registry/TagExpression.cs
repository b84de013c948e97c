using System.Diagnostics.CodeAnalysis;

namespace RpcNet.Cluster;

/// <summary>A condition on the tags of a worker, parsed once. Immutable; two with the same conditions in the same order are equal.</summary>
/// <remarks>
/// <para>Conditions joined with commas must all hold; keys and values compare ordinally:</para>
/// <list type="bullet">
/// <item><c>role=worker</c> (or <c>==</c>): the tag has that value;</item>
/// <item><c>zone!=a</c>: the tag is missing or has another value;</item>
/// <item><c>zone in (a, b)</c>, <c>zone notin (a, b)</c>: one of these values; missing or none of them;</item>
/// <item><c>gpu</c>: the tag exists, whatever its value; <c>!draining</c>: it does not.</item>
/// </list>
/// <para>
/// A value that holds a space, a comma, a parenthesis, '!', '=' or a quote is written in double quotes, inside of which \" and \\
/// stand for themselves. The empty expression holds for every worker.
/// </para>
/// </remarks>
public sealed partial class TagExpression : IEquatable<TagExpression>, IParsable<TagExpression>
{
    private readonly Condition[] _conditions;
    private readonly string _text;

    private TagExpression(Condition[] conditions)
    {
        _conditions = conditions;
        _text = string.Join(',', conditions.Select(static c => c.ToString()));
    }

    private enum Test
    {
        Exists,
        Missing,
        In,
        NotIn,
    }

    /// <summary>Holds for every worker.</summary>
    public static TagExpression Any { get; } = new([]);

    /// <summary>Whether it holds for every worker.</summary>
    public bool IsAny => _conditions.Length == 0;

    /// <summary>Reads an expression.</summary>
    /// <exception cref="TagExpressionException">It is malformed; the message names the position and what belongs there.</exception>
    public static TagExpression Parse(string? expression)
    {
        var parser = new Parser(expression ?? "");
        return parser.Parse(out var result) ?? throw parser.Error(result);
    }

    /// <inheritdoc/>
    static TagExpression IParsable<TagExpression>.Parse(string s, IFormatProvider? provider) => Parse(s);

    /// <summary>Reads an expression, or says why it cannot.</summary>
    public static bool TryParse(
        string? expression, [NotNullWhen(true)] out TagExpression? result, [NotNullWhen(false)] out string? complaint)
    {
        var parser = new Parser(expression ?? "");
        result = parser.Parse(out var error);
        complaint = result is null ? parser.Error(error).Message : null;
        return result is not null;
    }

    /// <inheritdoc/>
    static bool IParsable<TagExpression>.TryParse(
        string? s, IFormatProvider? provider, [MaybeNullWhen(false)] out TagExpression result) => TryParse(s, out result, out _);

    /// <summary>Whether both have the same conditions in the same order.</summary>
    public static bool operator ==(TagExpression? left, TagExpression? right) => Equals(left, right);

    /// <summary>Whether they differ.</summary>
    public static bool operator !=(TagExpression? left, TagExpression? right) => !Equals(left, right);

    /// <summary>Whether all conditions hold for these tags.</summary>
    public bool Matches(IReadOnlyDictionary<string, string> tags)
    {
        ArgumentNullException.ThrowIfNull(tags);
        foreach (var condition in _conditions)
        {
            if (!condition.Holds(tags))
            {
                return false;
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public bool Equals(TagExpression? other) => other is not null && string.Equals(_text, other._text, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as TagExpression);

    /// <inheritdoc/>
    public override int GetHashCode() => _text.GetHashCode(StringComparison.Ordinal);

    /// <summary>The expression in its shortest form; reading it again gives an equal one.</summary>
    public override string ToString() => _text;

    private readonly record struct Condition(string Key, Test Test, string[] Values)
    {
        public bool Holds(IReadOnlyDictionary<string, string> tags)
        {
            var exists = tags.TryGetValue(Key, out var actual);
            return Test switch
            {
                Test.Exists => exists,
                Test.Missing => !exists,
                Test.In => exists && Array.IndexOf(Values, actual) >= 0,
                _ => !exists || Array.IndexOf(Values, actual) < 0,
            };
        }

        public override string ToString() => (Test, Values.Length) switch
        {
            (Test.Exists, _) => Key,
            (Test.Missing, _) => $"!{Key}",
            (Test.In, 1) => $"{Key}={Quote(Values[0])}",
            (Test.NotIn, 1) => $"{Key}!={Quote(Values[0])}",
            (Test.In, _) => $"{Key} in ({string.Join(',', Values.Select(Quote))})",
            _ => $"{Key} notin ({string.Join(',', Values.Select(Quote))})",
        };

        private static string Quote(string value) =>
            value.Length > 0 && !value.AsSpan().ContainsAny(Parser.Reserved)
                ? value
                : $"\"{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
    }
}
