using System.Collections.Concurrent;
using System.Collections.Immutable;
using RpcNet.Cluster.Client;

namespace RpcNet.Cluster;

public sealed partial class ClusterClient
{
    private const int MaxNamedMethods = 1024;

    private readonly ConcurrentDictionary<(string Name, Type Request, Type Response), RpcMethod> _namedMethods = new();

    /// <summary>Calls a method by its name, raw bytes in and out.</summary>
    /// <param name="method">"service/method".</param>
    /// <param name="payload">The request.</param>
    /// <param name="idempotent">Whether running the method twice does no harm.</param>
    /// <param name="options">The call's options.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">The name is malformed.</exception>
    /// <exception cref="RpcFaultException">The call ended with a status.</exception>
    public ValueTask<ReadOnlyMemory<byte>> CallAsync(
        string method,
        ReadOnlyMemory<byte> payload,
        bool idempotent = false,
        RpcCallOptions? options = null,
        CancellationToken cancellationToken = default) =>
        InvokeUnaryAsync(Named(method, RpcMarshaller.Raw, RpcMarshaller.Raw, idempotent), payload, options, cancellationToken);

    /// <summary>Calls a method by its name.</summary>
    /// <param name="method">"service/method".</param>
    /// <param name="request">The request.</param>
    /// <param name="idempotent">Whether running the method twice does no harm.</param>
    /// <param name="options">The call's options.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="ArgumentException">The name is malformed.</exception>
    /// <exception cref="RpcFaultException">The call ended with a status.</exception>
    public ValueTask<TResponse> CallAsync<TRequest, TResponse>(
        string method,
        TRequest request,
        bool idempotent = false,
        RpcCallOptions? options = null,
        CancellationToken cancellationToken = default) =>
        InvokeUnaryAsync(
            Named(method, RpcMarshaller.Value<TRequest>(), RpcMarshaller.Value<TResponse>(), idempotent), request, options, cancellationToken);

    /// <summary>
    /// Makes a call at every worker that fits, at most <see cref="ClusterClientOptions.MaxParallelCalls"/> at a time, and gives
    /// each one's outcome, failures included. Workers that start or drain are left out; nothing is retried.
    /// </summary>
    /// <param name="call">Makes the call with a client that is bound to one worker.</param>
    /// <param name="tags">A tag expression; null takes the client's own.</param>
    /// <param name="options">Options of each call.</param>
    /// <param name="cancellationToken">Cancels all calls.</param>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    /// <exception cref="TagExpressionException">The expression is malformed.</exception>
    public async ValueTask<ImmutableArray<WorkerOutcome<TResult>>> CallAllAsync<TService, TResult>(
        Func<TService, CancellationToken, ValueTask<TResult>> call,
        string? tags = null,
        RpcCallOptions? options = null,
        CancellationToken cancellationToken = default)
        where TService : class
    {
        ArgumentNullException.ThrowIfNull(call);
        var contract = RpcContracts.Get<TService>();
        return await CallAllAsync(
            (invoker, token) => call(contract.CreateClient(invoker, options), token), tags, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>As the other overload, for a method's descriptor.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    /// <exception cref="TagExpressionException">The expression is malformed.</exception>
    public ValueTask<ImmutableArray<WorkerOutcome<TResponse>>> CallAllAsync<TRequest, TResponse>(
        RpcUnaryMethod<TRequest, TResponse> method,
        TRequest request,
        string? tags = null,
        RpcCallOptions? options = null,
        CancellationToken cancellationToken = default) =>
        CallAllAsync((invoker, token) => invoker.InvokeUnaryAsync(method, request, options, token), tags, cancellationToken);

    /// <summary>Makes calls at one worker only; none is retried.</summary>
    public RpcInvoker ForWorker(Worker worker)
    {
        ArgumentNullException.ThrowIfNull(worker);
        return new WorkerInvoker(_channels, worker);
    }

    private async ValueTask<ImmutableArray<WorkerOutcome<TResult>>> CallAllAsync<TResult>(
        Func<RpcInvoker, CancellationToken, ValueTask<TResult>> call, string? tags, CancellationToken cancellationToken)
    {
        var workers = (tags is null ? _selector.Workers : _registry.WorkersWithTags(tags))
            .RemoveAll(static w => w.State is WorkerState.Starting or WorkerState.Draining or WorkerState.Gone);
        var outcomes = new WorkerOutcome<TResult>[workers.Length];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = _options.MaxParallelCalls, CancellationToken = cancellationToken };
        await Parallel.ForAsync(0, workers.Length, parallel, async (i, token) =>
        {
            var started = _time.GetTimestamp();
            try
            {
                var result = await call(ForWorker(workers[i]), token).ConfigureAwait(false);
                outcomes[i] = new(workers[i], result, fault: null, _time.GetElapsedTime(started));
            }
            catch (RpcFaultException e)
            {
                outcomes[i] = new(workers[i], default, e, _time.GetElapsedTime(started));
            }
        }).ConfigureAwait(false);
        return ImmutableArray.Create(outcomes);
    }

    private RpcUnaryMethod<TRequest, TResponse> Named<TRequest, TResponse>(
        string name, RpcMarshaller<TRequest> request, RpcMarshaller<TResponse> response, bool idempotent)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (_namedMethods.TryGetValue((name, typeof(TRequest), typeof(TResponse)), out var known)
            && known is RpcUnaryMethod<TRequest, TResponse> method && method.Idempotent == idempotent && method.Request == request)
        {
            return method;
        }

        var slash = name.IndexOf('/', StringComparison.Ordinal);
        if (slash <= 0 || slash == name.Length - 1)
        {
            throw new ArgumentException($"'{name}' is no method name; it must be of the form 'service/method'.", nameof(name));
        }

        method = new RpcUnaryMethod<TRequest, TResponse>(name[..slash], name[(slash + 1)..], request, response, idempotent);
        if (_namedMethods.Count < MaxNamedMethods)
        {
            _namedMethods[(name, typeof(TRequest), typeof(TResponse))] = method;
        }

        return method;
    }
}
