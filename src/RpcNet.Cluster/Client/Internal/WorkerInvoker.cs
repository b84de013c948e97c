using System.Runtime.CompilerServices;
using RpcNet.Cluster.Registry;

namespace RpcNet.Cluster.Client;

/// <summary>Makes calls at one worker, counted as in flight there.</summary>
internal sealed class WorkerInvoker(WorkerChannelPool channels, Worker worker) : RpcInvoker
{
    public override async ValueTask<TResponse> InvokeUnaryAsync<TRequest, TResponse>(
        RpcUnaryMethod<TRequest, TResponse> method, TRequest request, RpcCallOptions? options, CancellationToken cancellationToken)
    {
        using var lease = Enter();
        using var use = channels.Use(worker);
        return await use.Invoker.InvokeUnaryAsync(method, request, options, cancellationToken).ConfigureAwait(false);
    }

    public override async ValueTask<TOutput> InvokeClientStreamingAsync<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput> input,
        RpcCallOptions? options,
        CancellationToken cancellationToken)
    {
        using var lease = Enter();
        using var use = channels.Use(worker);
        return await use.Invoker.InvokeClientStreamingAsync(method, request, input, options, cancellationToken).ConfigureAwait(false);
    }

    public override IAsyncEnumerable<TOutput> InvokeStreaming<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput>? input,
        RpcCallOptions? options,
        CancellationToken cancellationToken) =>
        StreamAsync(method, request, input, options, cancellationToken);

    private async IAsyncEnumerable<TOutput> StreamAsync<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput>? input,
        RpcCallOptions? options,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var lease = Enter();
        using var use = channels.Use(worker);
        await foreach (var item in use.Invoker.InvokeStreaming(method, request, input, options, cancellationToken).ConfigureAwait(false))
        {
            yield return item;
        }
    }

    private WorkerLease Enter()
    {
        worker.Enter();
        return new WorkerLease(worker, LeaseCell.Rent());
    }
}
