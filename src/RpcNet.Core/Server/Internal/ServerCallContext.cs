using System.Net;
using System.Security.Cryptography.X509Certificates;
using RpcNet.Framing;

namespace RpcNet.Server.Internal;

/// <summary>A call as a server's filters and handlers see it.</summary>
internal abstract class ServerCallContext(ServerCall call) : RpcCallContext
{
    private ServerCall? _call = call;

    /// <exception cref="InvalidOperationException">The call has ended.</exception>
    public ServerCall Call => _call ?? throw new InvalidOperationException("The call has ended; its context cannot be used any more.");

    public override RpcCallSide Side => RpcCallSide.Server;

    public override RpcMethod Method => Call.Method.Descriptor;

    public override CancellationToken CancellationToken => Call.CancellationToken;

    public override TimeSpan? RemainingTime => _call?.RemainingTime;

    public override IPEndPoint? RemoteEndPoint => Call.Connection.Transport.RemoteEndPoint;

    public override X509Certificate2? PeerCertificate => Call.Connection.Transport.RemoteCertificate;

    public override IServiceProvider? Services => Call.Services;

    public bool HasAnswerMetadata => ResponseMetadataOrNull is { Count: > 0 } || TrailersOrNull is { Count: > 0 };

    public FrameExtension AnswerExtension => new() { Metadata = ResponseMetadataOrNull, Trailers = TrailersOrNull };

    public void Detach() => _call = null;

    /// <summary>Appends the payload of the only response.</summary>
    public abstract void WriteResponse(IRpcSerializer serializer, PooledBufferWriter output);
}

internal sealed class ServerCallContext<TRequest, TResponse>(ServerCall call, TRequest request, RpcMarshaller<TResponse>? response)
    : ServerCallContext(call)
{
    public TRequest TypedRequest { get; private set; } = request;

    public TResponse? TypedResponse { get; set; }

    public override object? Request
    {
        get => TypedRequest;
        set => TypedRequest = (TRequest)value!;
    }

    public override object? Response
    {
        get => TypedResponse;
        set => TypedResponse = (TResponse)value!;
    }

    public override void WriteResponse(IRpcSerializer serializer, PooledBufferWriter output) =>
        response!.Write(serializer, output, TypedResponse!);
}
