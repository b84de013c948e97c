namespace RpcNet;

/// <summary>Makes calls: what a generated client talks to. A channel, a balanced cluster client, or a test double.</summary>
/// <remarks>All members may be called concurrently.</remarks>
public abstract class RpcInvoker
{
    /// <summary>Makes a unary call.</summary>
    /// <exception cref="RpcFaultException">The call ended with a status.</exception>
    /// <exception cref="OperationCanceledException">The caller's token was cancelled; it carries that token.</exception>
    public abstract ValueTask<TResponse> InvokeUnaryAsync<TRequest, TResponse>(
        RpcUnaryMethod<TRequest, TResponse> method,
        TRequest request,
        RpcCallOptions? options,
        CancellationToken cancellationToken);

    /// <summary>Sends a stream and waits for the only response.</summary>
    /// <remarks>
    /// The input is enumerated until it ends, the server answers, or the call fails; then its enumerator is disposed.
    /// </remarks>
    /// <exception cref="RpcFaultException">The call ended with a status.</exception>
    /// <exception cref="OperationCanceledException">The caller's token was cancelled; it carries that token.</exception>
    public abstract ValueTask<TOutput> InvokeClientStreamingAsync<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput> input,
        RpcCallOptions? options,
        CancellationToken cancellationToken);

    /// <summary>Makes a call whose response is a stream; <paramref name="input"/> is null where the client sends none.</summary>
    /// <remarks>
    /// The call starts with the enumeration and ends with it: leaving <c>await foreach</c> early cancels the call. Each
    /// enumeration is a call of its own. The enumerator throws as <see cref="InvokeUnaryAsync"/> does.
    /// </remarks>
    public abstract IAsyncEnumerable<TOutput> InvokeStreaming<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput>? input,
        RpcCallOptions? options,
        CancellationToken cancellationToken);
}
