using RpcNet.Testing.VirtualTime;

namespace RpcNet.Testing;

/// <summary>Makes calls part of a test cluster's work, wherever they come from.</summary>
internal sealed class ClusterInvoker(RpcTestCluster cluster, RpcInvoker inner) : RpcInvoker
{
    public override ValueTask<TResponse> InvokeUnaryAsync<TRequest, TResponse>(
        RpcUnaryMethod<TRequest, TResponse> method, TRequest request, RpcCallOptions? options, CancellationToken cancellationToken)
    {
        using (cluster.Tracker.Enter())
        {
            return inner.InvokeUnaryAsync(method, request, options, cancellationToken);
        }
    }

    public override ValueTask<TOutput> InvokeClientStreamingAsync<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput> input,
        RpcCallOptions? options,
        CancellationToken cancellationToken)
    {
        using (cluster.Tracker.Enter())
        {
            return inner.InvokeClientStreamingAsync(method, request, input, options, cancellationToken);
        }
    }

    public override IAsyncEnumerable<TOutput> InvokeStreaming<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput>? input,
        RpcCallOptions? options,
        CancellationToken cancellationToken) =>
        new Stream<TOutput>(cluster.Tracker, inner.InvokeStreaming(method, request, input, options, cancellationToken));

    private sealed class Stream<T>(WorkTracker tracker, IAsyncEnumerable<T> items) : IAsyncEnumerable<T>
    {
        public IAsyncEnumerator<T> GetAsyncEnumerator(CancellationToken cancellationToken = default)
        {
            using (tracker.Enter())
            {
                return new Enumerator<T>(tracker, items.GetAsyncEnumerator(cancellationToken));
            }
        }
    }

    private sealed class Enumerator<T>(WorkTracker tracker, IAsyncEnumerator<T> items) : IAsyncEnumerator<T>
    {
        public T Current => items.Current;

        public ValueTask<bool> MoveNextAsync()
        {
            using (tracker.Enter())
            {
                return items.MoveNextAsync();
            }
        }

        public ValueTask DisposeAsync()
        {
            using (tracker.Enter())
            {
                return items.DisposeAsync();
            }
        }
    }
}
