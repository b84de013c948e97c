namespace RpcNet.Hosting;

/// <summary>
/// RpcNet cannot start with the present settings. The message says which settings, their values, and what to do.
/// </summary>
/// <remarks>
/// Its text is the message alone: a stack trace tells nothing to the person who has to correct a setting.
/// <see cref="Exception.StackTrace"/> and <see cref="Exception.InnerException"/> are there for debuggers.
/// </remarks>
public sealed class RpcNetStartupException : Exception
{
    /// <summary>Creates the exception for one problem.</summary>
    public RpcNetStartupException(string problem, Exception? innerException = null)
        : base(problem, innerException) => Problems = [problem];

    /// <summary>Creates the exception for several problems, all listed in the message.</summary>
    public RpcNetStartupException(IReadOnlyList<string> problems, Exception? innerException = null)
        : base(Text(problems), innerException) => Problems = problems;

    /// <summary>Each problem, naming the key, its value and what is accepted.</summary>
    public IReadOnlyList<string> Problems { get; }

    /// <inheritdoc/>
    public override string ToString() => $"RpcNet cannot start. {Message}";

    private static string Text(IReadOnlyList<string> problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        return problems.Count == 1
            ? problems[0]
            : $"{problems.Count} problems:{string.Concat(problems.Select(static p => $"{Environment.NewLine}  - {p}"))}";
    }
}
