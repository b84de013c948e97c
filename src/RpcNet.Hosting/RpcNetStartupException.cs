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

    /// <summary>Whether a hosted service threw it: the host logs that.</summary>
    internal bool IsLoggedByHost { get; private set; }

    /// <inheritdoc/>
    public override string ToString() => $"RpcNet cannot start. {Message}";

    /// <summary>Runs a part of a hosted service's start.</summary>
    internal static async Task InHostedServiceAsync(Func<Task> start)
    {
        try
        {
            await start().ConfigureAwait(false);
        }
        catch (RpcNetStartupException e)
        {
            e.IsLoggedByHost = true;
            throw;
        }
    }

    private static string Text(IReadOnlyList<string> problems)
    {
        ArgumentNullException.ThrowIfNull(problems);
        return problems.Count == 1
            ? problems[0]
            : $"{problems.Count} problems:{string.Concat(problems.Select(static p => $"{Environment.NewLine}  - {p}"))}";
    }
}
