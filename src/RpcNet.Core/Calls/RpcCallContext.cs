using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace RpcNet;

/// <summary>Which end of a call a filter runs at.</summary>
public enum RpcCallSide
{
    /// <summary>The caller's end.</summary>
    Client,

    /// <summary>The handler's end.</summary>
    Server,
}

/// <summary>One call as filters and handlers see it. Valid until the call ends; not safe for concurrent use.</summary>
public abstract class RpcCallContext
{
    private RpcMetadata? _requestMetadata;
    private RpcMetadata? _responseMetadata;
    private RpcMetadata? _trailers;
    private Dictionary<object, object?>? _items;

    /// <summary>Which end this is.</summary>
    public abstract RpcCallSide Side { get; }

    /// <summary>The method called.</summary>
    public abstract RpcMethod Method { get; }

    /// <summary>
    /// Cancelled when the caller cancels, the deadline passes, the connection dies, or the server aborts after its
    /// drain time.
    /// </summary>
    public abstract CancellationToken CancellationToken { get; }

    /// <summary>The time left until the deadline, never negative; null when the call has no deadline.</summary>
    public abstract TimeSpan? RemainingTime { get; }

    /// <summary>The peer's address; null on a client before the call has a connection.</summary>
    public abstract IPEndPoint? RemoteEndPoint { get; }

    /// <summary>The peer's verified certificate, where it presented one.</summary>
    public abstract X509Certificate2? PeerCertificate { get; }

    /// <summary>The call's scope on a server; what the client was created with, or null, on a client.</summary>
    public abstract IServiceProvider? Services { get; }

    /// <summary>
    /// The arguments: the value itself, a tuple of several, or <see cref="RpcEmpty"/>. May be replaced, by a value of
    /// the same type, before the next delegate runs. Reading boxes a value type.
    /// </summary>
    /// <exception cref="InvalidCastException">The value set has another type.</exception>
    public abstract object? Request { get; set; }

    /// <summary>
    /// The result once the next delegate has completed. On a client whose response is a stream it is the
    /// <c>IAsyncEnumerable</c> and may be replaced by one that wraps it.
    /// </summary>
    /// <exception cref="InvalidCastException">The value set has another type.</exception>
    public abstract object? Response { get; set; }

    /// <summary>What the client sends along with the request. A client's filters may add to it.</summary>
    public RpcMetadata RequestMetadata
    {
        get => _requestMetadata ??= new RpcMetadata();
        internal set => _requestMetadata = value;
    }

    /// <summary>What the server sends ahead of the response.</summary>
    public RpcMetadata ResponseMetadata
    {
        get => _responseMetadata ??= new RpcMetadata();
        internal set => _responseMetadata = value;
    }

    /// <summary>What the server sends when the call ends.</summary>
    public RpcMetadata Trailers
    {
        get => _trailers ??= new RpcMetadata();
        internal set => _trailers = value;
    }

    /// <summary>State that filters and the handler of one call share.</summary>
    public IDictionary<object, object?> Items => _items ??= [];

    internal RpcMetadata? RequestMetadataOrNull => _requestMetadata;

    internal RpcMetadata? ResponseMetadataOrNull => _responseMetadata;

    internal RpcMetadata? TrailersOrNull => _trailers;

    private protected void ResetContext()
    {
        _requestMetadata = null;
        _responseMetadata = null;
        _trailers = null;
        _items = null;
    }
}

/// <summary>Runs the rest of a call: the next filter, or the call itself.</summary>
public delegate ValueTask RpcFilterDelegate(RpcCallContext context);

/// <summary>Code around every call, the same shape on both sides and for all four kinds.</summary>
/// <remarks>
/// Awaiting <c>next</c> runs the call; on a server that includes sending the whole response stream, on a client whose
/// response is a stream it ends when the stream is ready to be read. A filter may skip <c>next</c> after setting
/// <see cref="RpcCallContext.Response"/>, throw <see cref="RpcFaultException"/>, or, on the client of a unary call, run
/// it again.
/// </remarks>
public interface IRpcFilter
{
    /// <summary>Runs around one call.</summary>
    ValueTask InvokeAsync(RpcCallContext context, RpcFilterDelegate next);
}

/// <summary>A filter from a delegate.</summary>
public sealed class RpcInlineFilter(Func<RpcCallContext, RpcFilterDelegate, ValueTask> filter) : IRpcFilter
{
    /// <inheritdoc/>
    public ValueTask InvokeAsync(RpcCallContext context, RpcFilterDelegate next) => filter(context, next);
}

/// <summary>Gives the call that the current code serves.</summary>
public interface IRpcContextAccessor
{
    /// <summary>The call being served, or null outside of one. Flows with async code.</summary>
    RpcCallContext? Context { get; }
}

/// <summary>The accessor over the ambient call.</summary>
public sealed class RpcContextAccessor : IRpcContextAccessor
{
    private static readonly AsyncLocal<RpcCallContext?> Ambient = new();

    /// <inheritdoc/>
    public RpcCallContext? Context => Ambient.Value;

    internal static RpcCallContext? Current
    {
        get => Ambient.Value;
        set => Ambient.Value = value;
    }
}
