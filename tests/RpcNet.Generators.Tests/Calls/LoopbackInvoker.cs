using System.Buffers;
using System.Runtime.CompilerServices;

namespace RpcNet.Generators.Tests.Calls;

/// <summary>Runs calls on an implementation in this process, every value through its marshaller and back.</summary>
internal sealed class LoopbackInvoker<TService> : RpcInvoker, IRpcMethodBinder<TService>
    where TService : class
{
    private readonly TService _service;
    private readonly TestSerializer _serializer = new();
    private readonly Dictionary<string, Delegate> _handlers = [];

    public LoopbackInvoker(TService service, IRpcContract? contract = null)
    {
        _service = service;
        ((RpcContract<TService>)(contract ?? RpcContracts.Get<TService>())).Bind(this);
    }

    public List<(RpcMethod Method, RpcCallOptions? Options, CancellationToken Token)> Calls { get; } = [];

    public List<RpcMethod> Bound { get; } = [];

    public override ValueTask<TResponse> InvokeUnaryAsync<TRequest, TResponse>(
        RpcUnaryMethod<TRequest, TResponse> method, TRequest request, RpcCallOptions? options, CancellationToken cancellationToken)
    {
        Calls.Add((method, options, cancellationToken));
        var handler = Handler<Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask<ReadOnlyMemory<byte>>>>(method);
        return Finish(handler(Pack(method.Request, request), cancellationToken), method.Response);
    }

    public override ValueTask<TOutput> InvokeClientStreamingAsync<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput> input,
        RpcCallOptions? options,
        CancellationToken cancellationToken)
    {
        Calls.Add((method, options, cancellationToken));
        var handler = Handler<Func<ReadOnlyMemory<byte>, IAsyncEnumerable<ReadOnlyMemory<byte>>, CancellationToken,
            ValueTask<ReadOnlyMemory<byte>>>>(method);
        return Finish(
            handler(Pack(method.Request, request), PackAll(method.Input, input), cancellationToken), method.Output);
    }

    public override IAsyncEnumerable<TOutput> InvokeStreaming<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput>? input,
        RpcCallOptions? options,
        CancellationToken cancellationToken)
    {
        Assert.Equal(method.Kind == RpcMethodKind.Bidirectional, input is not null);
        Calls.Add((method, options, cancellationToken));
        var handler = Handler<Func<ReadOnlyMemory<byte>, IAsyncEnumerable<ReadOnlyMemory<byte>>, CancellationToken,
            IAsyncEnumerable<ReadOnlyMemory<byte>>>>(method);
        var items = input is null ? AsyncEnumerable.Empty<ReadOnlyMemory<byte>>() : PackAll(method.Input, input);
        return UnpackAll(method.Output, handler(Pack(method.Request, request), items, cancellationToken));
    }

    void IRpcMethodBinder<TService>.Unary<TRequest, TResponse>(
        RpcUnaryMethod<TRequest, TResponse> method,
        Func<TService, TRequest, CancellationToken, ValueTask<TResponse>> handler) =>
        Add(method, async ValueTask<ReadOnlyMemory<byte>> (ReadOnlyMemory<byte> request, CancellationToken token) =>
            Pack(method.Response, await handler(_service, method.Request.Read(_serializer, request), token)));

    void IRpcMethodBinder<TService>.ClientStreaming<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        Func<TService, TRequest, IAsyncEnumerable<TInput>, CancellationToken, ValueTask<TOutput>> handler) =>
        Add(method, async ValueTask<ReadOnlyMemory<byte>> (
            ReadOnlyMemory<byte> request, IAsyncEnumerable<ReadOnlyMemory<byte>> input, CancellationToken token) =>
            Pack(method.Output, await handler(
                _service, method.Request.Read(_serializer, request), UnpackAll(method.Input, input), token)));

    void IRpcMethodBinder<TService>.Streaming<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        Func<TService, TRequest, IAsyncEnumerable<TInput>, CancellationToken, IAsyncEnumerable<TOutput>> handler) =>
        Add(method, (ReadOnlyMemory<byte> request, IAsyncEnumerable<ReadOnlyMemory<byte>> input, CancellationToken token) =>
            PackAll(method.Output, handler(
                _service, method.Request.Read(_serializer, request), UnpackAll(method.Input, input), token)));

    private void Add(RpcMethod method, Delegate handler)
    {
        Bound.Add(method);
        _handlers.Add(method.Name, handler);
    }

    private TDelegate Handler<TDelegate>(RpcMethod method) => (TDelegate)(object)_handlers[method.Name];

    private async ValueTask<T> Finish<T>(ValueTask<ReadOnlyMemory<byte>> call, RpcMarshaller<T> marshaller) =>
        marshaller.Read(_serializer, await call);

    private ReadOnlyMemory<byte> Pack<T>(RpcMarshaller<T> marshaller, T value)
    {
        var writer = new ArrayBufferWriter<byte>();
        marshaller.Write(_serializer, writer, value);
        return writer.WrittenMemory;
    }

    private async IAsyncEnumerable<ReadOnlyMemory<byte>> PackAll<T>(
        RpcMarshaller<T> marshaller, IAsyncEnumerable<T> items, [EnumeratorCancellation] CancellationToken token = default)
    {
        await foreach (var item in items.WithCancellation(token))
        {
            yield return Pack(marshaller, item);
        }
    }

    private async IAsyncEnumerable<T> UnpackAll<T>(
        RpcMarshaller<T> marshaller,
        IAsyncEnumerable<ReadOnlyMemory<byte>> items,
        [EnumeratorCancellation] CancellationToken token = default)
    {
        await foreach (var item in items.WithCancellation(token))
        {
            yield return marshaller.Read(_serializer, item);
        }
    }
}
