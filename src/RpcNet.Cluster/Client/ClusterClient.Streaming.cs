using System.Runtime.CompilerServices;
using RpcNet.Cluster.Client;

namespace RpcNet.Cluster;

public sealed partial class ClusterClient
{
    /// <inheritdoc/>
    public override async ValueTask<TOutput> InvokeClientStreamingAsync<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput> input,
        RpcCallOptions? options,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(input);
        cancellationToken.ThrowIfCancellationRequested();
        var call = StartCall(method, options, cancellationToken);
        var source = new WatchedInput<TInput>(input);
        RpcFaultException? last = null;
        while (true)
        {
            var lease = await SelectAsync(call, last, cancellationToken).ConfigureAwait(false);
            var started = _time.GetTimestamp();
            try
            {
                using var use = _channels.Use(lease.Worker);
                var result = await use.Invoker
                    .InvokeClientStreamingAsync(method, request, source, call.OptionsForAttempt(), cancellationToken).ConfigureAwait(false);
                lease.Complete(_time.GetElapsedTime(started), succeeded: true);
                return result;
            }
            catch (RpcFaultException e)
            {
                lease.Complete(_time.GetElapsedTime(started), !BlamesWorker(e));
                if (!MovesOn(call, lease.Worker, e, inputIsIntact: !source.WasRead))
                {
                    call.ThrowUnlessLastTells(e);
                    throw;
                }

                last = e;
            }
            finally
            {
                lease.Dispose();
            }
        }
    }

    /// <inheritdoc/>
    public override IAsyncEnumerable<TOutput> InvokeStreaming<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput>? input,
        RpcCallOptions? options,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(method);
        return StreamAsync(method, request, input, options, cancellationToken);
    }

    private async IAsyncEnumerable<TOutput> StreamAsync<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput>? input,
        RpcCallOptions? options,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var call = StartCall(method, options, cancellationToken);
        var stream = await OpenAsync(call, method, request, input, cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            while (stream.HasItem)
            {
                yield return stream.Current;
                await stream.MoveNextAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>Opens the stream at one worker after the other until one has given its first item or ended.</summary>
    private async ValueTask<OpenStream<TOutput>> OpenAsync<TRequest, TInput, TOutput>(
        ClusterCall call,
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput>? input,
        CancellationToken cancellationToken)
    {
        var source = input is null ? null : new WatchedInput<TInput>(input);
        RpcFaultException? last = null;
        while (true)
        {
            var lease = await SelectAsync(call, last, cancellationToken).ConfigureAwait(false);
            OpenStream<TOutput>? stream = null;
            try
            {
                var use = _channels.Use(lease.Worker);
                stream = new OpenStream<TOutput>(lease, use, method);
                await stream.StartAsync(
                    use.Invoker.InvokeStreaming(method, request, source, call.OptionsForAttempt(), cancellationToken), cancellationToken)
                    .ConfigureAwait(false);
                return stream;
            }
            catch (Exception e)
            {
                if (stream is not null)
                {
                    await stream.DisposeAsync().ConfigureAwait(false);
                }

                if (e is RpcFaultException fault)
                {
                    lease.Complete(TimeSpan.Zero, !BlamesWorker(fault));
                    lease.Dispose();
                    if (MovesOn(call, lease.Worker, fault, inputIsIntact: source is not { WasRead: true }))
                    {
                        last = fault;
                        continue;
                    }

                    call.ThrowUnlessLastTells(fault);
                }

                lease.Dispose();
                throw;
            }
        }
    }

    /// <summary>Knows whether a source was read from: then it cannot be sent to another worker.</summary>
    private sealed class WatchedInput<T>(IAsyncEnumerable<T> source) : IAsyncEnumerable<T>
    {
        private volatile bool _wasRead;

        public bool WasRead => _wasRead;

        public IAsyncEnumerator<T> GetAsyncEnumerator(CancellationToken cancellationToken = default)
        {
            _wasRead = true;
            return source.GetAsyncEnumerator(cancellationToken);
        }
    }

    /// <summary>A response stream at one worker, with the lease and the channel that it keeps until its end.</summary>
    private sealed class OpenStream<T>(WorkerLease lease, WorkerChannelPool.ChannelUse use, RpcMethod method) : IAsyncDisposable
    {
        private IAsyncEnumerator<T>? _items;
        private long _count;

        public bool HasItem { get; private set; }

        public T Current => _items!.Current;

        public async ValueTask StartAsync(IAsyncEnumerable<T> items, CancellationToken cancellationToken)
        {
            _items = items.GetAsyncEnumerator(cancellationToken);
            HasItem = await _items.MoveNextAsync().ConfigureAwait(false);
        }

        public async ValueTask MoveNextAsync()
        {
            _count++;
            try
            {
                HasItem = await _items!.MoveNextAsync().ConfigureAwait(false);
            }
            catch (RpcFaultException e) when (e.Status == RpcStatusCode.Unavailable)
            {
                throw new RpcFaultException(
                    e.Status, $"The stream of {method.FullName} from {lease.Worker.Label} broke after {_count} items: {e.Message}", e.Details, e)
                {
                    Trailers = e.Trailers,
                };
            }
        }

        public async ValueTask DisposeAsync()
        {
            try
            {
                if (_items is not null)
                {
                    await _items.DisposeAsync().ConfigureAwait(false);
                }
            }
            finally
            {
                use.Dispose();
                lease.Dispose();
            }
        }
    }
}
