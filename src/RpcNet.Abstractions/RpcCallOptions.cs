namespace RpcNet;

/// <summary>What a caller may set for its calls beyond the arguments. Immutable.</summary>
public sealed record RpcCallOptions
{
    /// <summary>
    /// The time within which the call must complete, from its start; null takes the method's own timeout, then the
    /// channel's, and <see cref="System.Threading.Timeout.InfiniteTimeSpan"/> asks for none. Inside a handler, the remaining
    /// time of the call being served is an upper bound.
    /// </summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Metadata sent with the request.</summary>
    public RpcMetadata Metadata { get; init; } = RpcMetadata.Empty;

    /// <summary>Whether to wait for a connection, up to the deadline, instead of failing with Unavailable. Default false.</summary>
    public bool WaitForReady { get; init; }

    /// <summary>Key for strategies that route by affinity (consistent hash); null where it does not matter.</summary>
    public string? AffinityKey { get; init; }

    /// <summary>Called once with the server's metadata when the response (or the first item, or the end) arrives.</summary>
    public Action<RpcMetadata>? OnResponseMetadata { get; init; }

    /// <summary>Called once with the server's trailers when the call ends.</summary>
    public Action<RpcMetadata>? OnTrailers { get; init; }
}

/// <summary>Implemented by every generated client: the same client with other call options.</summary>
/// <typeparam name="TService">The contract.</typeparam>
public interface IRpcClient<out TService>
    where TService : class
{
    /// <summary>The options that this client's calls use; null for none.</summary>
    RpcCallOptions? CallOptions { get; }

    /// <summary>A client over the same invoker whose calls use <paramref name="options"/>.</summary>
    TService WithCallOptions(RpcCallOptions? options);
}

/// <summary>Call options for a client that is held as its contract.</summary>
public static class RpcClientExtensions
{
    /// <summary>The same client with other call options, replacing the ones it has.</summary>
    /// <exception cref="ArgumentException">The object is no generated client.</exception>
    public static TService WithCallOptions<TService>(this TService client, RpcCallOptions? options)
        where TService : class =>
        AsClient(client).WithCallOptions(options);

    /// <summary>The same client whose calls must each complete within <paramref name="timeout"/>.</summary>
    /// <exception cref="ArgumentException">The object is no generated client.</exception>
    public static TService WithTimeout<TService>(this TService client, TimeSpan timeout)
        where TService : class
    {
        var generated = AsClient(client);
        return generated.WithCallOptions((generated.CallOptions ?? new RpcCallOptions()) with { Timeout = timeout });
    }

    /// <summary>The same client whose calls carry <paramref name="metadata"/>.</summary>
    /// <exception cref="ArgumentException">The object is no generated client.</exception>
    public static TService WithMetadata<TService>(this TService client, RpcMetadata metadata)
        where TService : class
    {
        var generated = AsClient(client);
        return generated.WithCallOptions((generated.CallOptions ?? new RpcCallOptions()) with { Metadata = metadata });
    }

    private static IRpcClient<TService> AsClient<TService>(TService client)
        where TService : class =>
        client as IRpcClient<TService> ?? throw new ArgumentException(
            $"{client?.GetType().Name ?? "null"} is not a generated client of {typeof(TService).Name}.", nameof(client));
}
