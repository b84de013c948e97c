using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace RpcNet;

/// <summary>What the generator knows of a contract: how to make a client and how to bind an implementation.</summary>
/// <typeparam name="TService">The contract interface.</typeparam>
public abstract class RpcContract<TService> : IRpcContract
    where TService : class
{
    /// <inheritdoc/>
    public abstract string ServiceName { get; }

    /// <inheritdoc/>
    public abstract IReadOnlyList<RpcMethod> Methods { get; }

    /// <inheritdoc/>
    public Type ServiceType => typeof(TService);

    /// <summary>Makes a client over <paramref name="invoker"/>.</summary>
    public abstract TService CreateClient(RpcInvoker invoker, RpcCallOptions? options = null);

    /// <summary>Names every method and the delegate that runs it on an implementation.</summary>
    public abstract void Bind(IRpcMethodBinder<TService> binder);
}

/// <summary>The untyped view of a contract.</summary>
public interface IRpcContract
{
    /// <summary>The service's name on the wire.</summary>
    string ServiceName { get; }

    /// <summary>The contract interface.</summary>
    Type ServiceType { get; }

    /// <summary>The methods, in the order of their declaration.</summary>
    IReadOnlyList<RpcMethod> Methods { get; }
}

/// <summary>Receives the methods of a contract from generated code, each with the delegate that runs it.</summary>
/// <typeparam name="TService">The contract interface.</typeparam>
public interface IRpcMethodBinder<TService>
    where TService : class
{
    /// <summary>Binds a unary method.</summary>
    void Unary<TRequest, TResponse>(
        RpcUnaryMethod<TRequest, TResponse> method,
        Func<TService, TRequest, CancellationToken, ValueTask<TResponse>> handler);

    /// <summary>Binds a method that takes a stream and gives one response.</summary>
    void ClientStreaming<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        Func<TService, TRequest, IAsyncEnumerable<TInput>, CancellationToken, ValueTask<TOutput>> handler);

    /// <summary>Binds a method that gives a stream, with or without taking one.</summary>
    void Streaming<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        Func<TService, TRequest, IAsyncEnumerable<TInput>, CancellationToken, IAsyncEnumerable<TOutput>> handler);
}

/// <summary>Finds generated contracts without reflection over members: generated module initializers register them.</summary>
public static class RpcContracts
{
    private static readonly ConcurrentDictionary<Type, IRpcContract> Registered = new();

    /// <summary>Called by generated module initializers.</summary>
    public static void Register<TService>(RpcContract<TService> contract)
        where TService : class =>
        Registered[typeof(TService)] = contract;

    /// <summary>The contract of <typeparamref name="TService"/>.</summary>
    /// <exception cref="InvalidOperationException">
    /// The interface has no [RpcService] attribute, or its assembly was built without RpcNet's generator.
    /// </exception>
    public static RpcContract<TService> Get<TService>()
        where TService : class
    {
        if (!Registered.TryGetValue(typeof(TService), out var contract))
        {
            RuntimeHelpers.RunModuleConstructor(typeof(TService).Module.ModuleHandle);
            if (!Registered.TryGetValue(typeof(TService), out contract))
            {
                throw new InvalidOperationException(
                    $"{typeof(TService).FullName} is no RPC contract: put [RpcService(\"name\")] on the interface, and build its "
                    + "assembly with a reference to RpcNet.Abstractions, which brings the source generator.");
            }
        }

        return (RpcContract<TService>)contract;
    }
}
