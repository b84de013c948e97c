namespace RpcNet.Cluster;

/// <summary>A tag expression cannot be read.</summary>
public sealed class TagExpressionException : FormatException
{
    internal TagExpressionException(string expression, int index, string complaint)
        : base($"The tag expression '{expression}' is wrong at position {index + 1}: {complaint}")
    {
        Expression = expression;
        Position = index + 1;
    }

    /// <summary>The expression as it was given.</summary>
    public string Expression { get; }

    /// <summary>Where the error is: 1 is the first character, the length plus 1 the end.</summary>
    public int Position { get; }
}
