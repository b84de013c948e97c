namespace RpcNet;

/// <summary>A call ended with a status other than <see cref="RpcStatusCode.Ok"/>.</summary>
/// <remarks>
/// Handlers throw it to answer with a status of their choice; any other exception reaches the caller as
/// <see cref="RpcStatusCode.Internal"/> without its text, unless detailed errors are enabled. Callers catch it. A
/// caller's own cancellation is an <see cref="OperationCanceledException"/> instead.
/// </remarks>
public class RpcFaultException : Exception
{
    /// <summary>Creates a fault.</summary>
    /// <param name="status">Any code but <see cref="RpcStatusCode.Ok"/>.</param>
    /// <param name="message">A text for people; it travels to the caller.</param>
    /// <param name="details">An application-defined payload that travels to the caller, at most 8 KiB with the message.</param>
    /// <param name="innerException">Kept locally; it does not travel.</param>
    public RpcFaultException(
        RpcStatusCode status,
        string message,
        ReadOnlyMemory<byte> details = default,
        Exception? innerException = null)
        : base(message, innerException)
    {
        if (status == RpcStatusCode.Ok)
        {
            throw new ArgumentOutOfRangeException(nameof(status), "A fault cannot have the status Ok.");
        }

        Status = status;
        Details = details;
    }

    /// <summary>The status.</summary>
    public RpcStatusCode Status { get; }

    /// <summary>The application-defined payload; empty when there is none.</summary>
    public ReadOnlyMemory<byte> Details { get; }

    /// <summary>
    /// Whether the handler can have started. False only when the failure proves that it did not (refused connection,
    /// refusal by a limit, GOAWAY), so that even a call that is not idempotent may be sent again.
    /// </summary>
    public bool MayHaveExecuted { get; init; } = true;

    /// <summary>What the server sent along with the status.</summary>
    public RpcMetadata Trailers { get; init; } = RpcMetadata.Empty;
}
