namespace RpcNet;

/// <summary>The four kinds of call.</summary>
public enum RpcMethodKind
{
    /// <summary>One request, one response.</summary>
    Unary,

    /// <summary>One request, a stream of responses.</summary>
    ServerStreaming,

    /// <summary>A stream of requests, one response.</summary>
    ClientStreaming,

    /// <summary>A stream in each direction.</summary>
    Bidirectional,
}

/// <summary>What is known of a method before it is called. Immutable; one instance a method and process.</summary>
public abstract class RpcMethod
{
    private protected RpcMethod(
        string serviceName,
        string name,
        RpcMethodKind kind,
        bool idempotent,
        bool replayable,
        TimeSpan? timeout)
    {
        ArgumentException.ThrowIfNullOrEmpty(serviceName);
        ArgumentException.ThrowIfNullOrEmpty(name);
        ServiceName = serviceName;
        Name = name;
        FullName = $"{serviceName}/{name}";
        Kind = kind;
        Idempotent = idempotent;
        Replayable = replayable;
        Timeout = timeout;
    }

    /// <summary>The service's name on the wire.</summary>
    public string ServiceName { get; }

    /// <summary>The method's name on the wire.</summary>
    public string Name { get; }

    /// <summary>"service/method", as it is sent.</summary>
    public string FullName { get; }

    /// <summary>The kind of call.</summary>
    public RpcMethodKind Kind { get; }

    /// <summary>Whether running the method twice does no harm.</summary>
    public bool Idempotent { get; }

    /// <summary>Whether anyone may repeat a recorded call, so that it may travel as early data (0-RTT).</summary>
    public bool Replayable { get; }

    /// <summary>The deadline of a call whose caller sets none.</summary>
    public TimeSpan? Timeout { get; }

    /// <inheritdoc/>
    public override string ToString() => FullName;
}

/// <summary>A unary method.</summary>
/// <typeparam name="TRequest">The arguments: the single argument itself, a tuple of several, or <see cref="RpcEmpty"/>.</typeparam>
/// <typeparam name="TResponse">The result, or <see cref="RpcEmpty"/>.</typeparam>
public sealed class RpcUnaryMethod<TRequest, TResponse> : RpcMethod
{
    /// <summary>Creates the descriptor.</summary>
    /// <exception cref="ArgumentException">The method is replayable and not idempotent.</exception>
    public RpcUnaryMethod(
        string serviceName,
        string name,
        RpcMarshaller<TRequest> request,
        RpcMarshaller<TResponse> response,
        bool idempotent = false,
        TimeSpan? timeout = null,
        bool replayable = false)
        : base(serviceName, name, RpcMethodKind.Unary, idempotent, replayable, timeout)
    {
        if (replayable && !idempotent)
        {
            throw new ArgumentException($"{FullName} is replayable: then it must be idempotent too.", nameof(replayable));
        }

        Request = request;
        Response = response;
    }

    /// <summary>Writes and reads the arguments.</summary>
    public RpcMarshaller<TRequest> Request { get; }

    /// <summary>Writes and reads the result.</summary>
    public RpcMarshaller<TResponse> Response { get; }
}

/// <summary>A method with a stream in at least one direction.</summary>
/// <typeparam name="TRequest">The arguments beside the stream, as for <see cref="RpcUnaryMethod{TRequest,TResponse}"/>.</typeparam>
/// <typeparam name="TInput">An item from the client, or <see cref="RpcEmpty"/> where the client sends no stream.</typeparam>
/// <typeparam name="TOutput">An item from the server, or its only response.</typeparam>
public sealed class RpcStreamingMethod<TRequest, TInput, TOutput> : RpcMethod
{
    /// <summary>Creates the descriptor.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="kind"/> is unary.</exception>
    public RpcStreamingMethod(
        string serviceName,
        string name,
        RpcMethodKind kind,
        RpcMarshaller<TRequest> request,
        RpcMarshaller<TInput> input,
        RpcMarshaller<TOutput> output,
        bool idempotent = false,
        TimeSpan? timeout = null)
        : base(serviceName, name, kind, idempotent, replayable: false, timeout)
    {
        ArgumentOutOfRangeException.ThrowIfEqual(kind, RpcMethodKind.Unary);
        Request = request;
        Input = input;
        Output = output;
    }

    /// <summary>Writes and reads the arguments.</summary>
    public RpcMarshaller<TRequest> Request { get; }

    /// <summary>Writes and reads an item from the client.</summary>
    public RpcMarshaller<TInput> Input { get; }

    /// <summary>Writes and reads an item from the server, or its only response.</summary>
    public RpcMarshaller<TOutput> Output { get; }
}

/// <summary>Nothing: the arguments of a method without any, or the result of one that returns no value.</summary>
public readonly record struct RpcEmpty;
