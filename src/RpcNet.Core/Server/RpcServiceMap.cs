using System.Diagnostics.CodeAnalysis;
using RpcNet.Server.Internal;

namespace RpcNet.Server;

/// <summary>The methods that a server serves, by their wire names. Filled before the server starts, then frozen.</summary>
public sealed class RpcServiceMap
{
    private readonly Dictionary<string, ServerMethod> _methods = new(StringComparer.Ordinal);
    private readonly List<IRpcContract> _contracts = [];

    /// <summary>The contracts served.</summary>
    public IReadOnlyList<IRpcContract> Contracts => _contracts;

    /// <summary>Serves a contract; <paramref name="activate"/> gives the implementation for each call.</summary>
    /// <exception cref="InvalidOperationException">The interface is no contract, or one of its methods is served already.</exception>
    public RpcServiceMap AddService<TService>(Func<RpcCallContext, TService> activate)
        where TService : class
    {
        ArgumentNullException.ThrowIfNull(activate);
        var contract = RpcContracts.Get<TService>();
        contract.Bind(new Binder<TService>(this, activate));
        _contracts.Add(contract);
        return this;
    }

    /// <summary>Serves a contract with one implementation for all calls.</summary>
    /// <exception cref="InvalidOperationException">The interface is no contract, or one of its methods is served already.</exception>
    public RpcServiceMap AddService<TService>(TService instance)
        where TService : class
    {
        ArgumentNullException.ThrowIfNull(instance);
        return AddService<TService>(_ => instance);
    }

    /// <summary>Serves one unary method without an interface.</summary>
    /// <param name="name">"service/method".</param>
    /// <param name="handler">Answers a request.</param>
    /// <exception cref="ArgumentException">The name is malformed.</exception>
    /// <exception cref="InvalidOperationException">The name is served already.</exception>
    public RpcServiceMap MapUnary<TRequest, TResponse>(
        string name, Func<TRequest, RpcCallContext, CancellationToken, ValueTask<TResponse>> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        var (service, method) = SplitName(name);
        Add(new UnaryServerMethod<TRequest, TResponse>(
            new RpcUnaryMethod<TRequest, TResponse>(service, method, RpcMarshaller.Value<TRequest>(), RpcMarshaller.Value<TResponse>()),
            handler));
        return this;
    }

    /// <summary>Serves one unary method by its descriptor, which may say that it is idempotent or replayable.</summary>
    /// <param name="method">The descriptor.</param>
    /// <param name="handler">Answers a request.</param>
    /// <exception cref="InvalidOperationException">The name is served already.</exception>
    public RpcServiceMap MapUnary<TRequest, TResponse>(
        RpcUnaryMethod<TRequest, TResponse> method, Func<TRequest, RpcCallContext, CancellationToken, ValueTask<TResponse>> handler)
    {
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(handler);
        Add(new UnaryServerMethod<TRequest, TResponse>(method, handler));
        return this;
    }

    /// <summary>Serves one unary method that takes and gives raw bytes.</summary>
    /// <param name="name">"service/method".</param>
    /// <param name="handler">Answers a request.</param>
    /// <exception cref="ArgumentException">The name is malformed.</exception>
    /// <exception cref="InvalidOperationException">The name is served already.</exception>
    public RpcServiceMap Map(
        string name, Func<ReadOnlyMemory<byte>, RpcCallContext, CancellationToken, ValueTask<ReadOnlyMemory<byte>>> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        var (service, method) = SplitName(name);
        Add(new UnaryServerMethod<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>(
            new RpcUnaryMethod<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>(service, method, RpcMarshaller.Raw, RpcMarshaller.Raw),
            handler));
        return this;
    }

    internal bool TryGet(string name, [MaybeNullWhen(false)] out ServerMethod method) => _methods.TryGetValue(name, out method);

    internal IEnumerable<ServerMethod> Methods => _methods.Values;

    private static (string Service, string Method) SplitName(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        var slash = name.LastIndexOf('/');
        return slash > 0 && slash < name.Length - 1
            ? (name[..slash], name[(slash + 1)..])
            : throw new ArgumentException($"'{name}' is no method name; it has the form \"service/method\".", nameof(name));
    }

    private void Add(ServerMethod method)
    {
        if (!_methods.TryAdd(method.Descriptor.FullName, method))
        {
            throw new InvalidOperationException($"The method '{method.Descriptor.FullName}' is served already.");
        }
    }

    private sealed class Binder<TService>(RpcServiceMap map, Func<RpcCallContext, TService> activate) : IRpcMethodBinder<TService>
        where TService : class
    {
        public void Unary<TRequest, TResponse>(
            RpcUnaryMethod<TRequest, TResponse> method, Func<TService, TRequest, CancellationToken, ValueTask<TResponse>> handler) =>
            map.Add(new UnaryServerMethod<TRequest, TResponse>(
                method, (request, context, token) => handler(activate(context), request, token)));

        public void ClientStreaming<TRequest, TInput, TOutput>(
            RpcStreamingMethod<TRequest, TInput, TOutput> method,
            Func<TService, TRequest, IAsyncEnumerable<TInput>, CancellationToken, ValueTask<TOutput>> handler) =>
            map.Add(new ClientStreamingServerMethod<TRequest, TInput, TOutput>(
                method, (request, input, context, token) => handler(activate(context), request, input, token)));

        public void Streaming<TRequest, TInput, TOutput>(
            RpcStreamingMethod<TRequest, TInput, TOutput> method,
            Func<TService, TRequest, IAsyncEnumerable<TInput>, CancellationToken, IAsyncEnumerable<TOutput>> handler) =>
            map.Add(new StreamingServerMethod<TRequest, TInput, TOutput>(
                method, (request, input, context, token) => handler(activate(context), request, input, token)));
    }
}
