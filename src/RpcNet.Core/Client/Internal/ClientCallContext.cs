using System.Net;
using System.Security.Cryptography.X509Certificates;
using RpcNet.Framing;

namespace RpcNet.Client.Internal;

/// <summary>A call as a client's filters see it.</summary>
internal abstract class ClientCallContext : RpcCallContext
{
    public ClientConnection? Connection { get; set; }
}

internal sealed class ClientCallContext<TRequest, TResponse> : ClientCallContext
{
    private readonly long _deadline;
    private readonly TimeProvider _time;

    public ClientCallContext(
        RpcMethod method,
        TRequest request,
        RpcCallOptions? options,
        TimeSpan? timeout,
        TimeProvider time,
        IServiceProvider? services,
        CancellationToken cancellationToken)
    {
        Method = method;
        TypedRequest = request;
        Options = options;
        Services = services;
        CancellationToken = cancellationToken;
        _time = time;
        _deadline = timeout is { } t ? Deadlines.After(t, time) : long.MaxValue;
        if (options is { Metadata.Count: > 0 })
        {
            foreach (var (key, value) in options.Metadata)
            {
                if (value.Text is { } text)
                {
                    RequestMetadata.Add(key, text);
                }
                else
                {
                    RequestMetadata.Add(key, value.Bytes);
                }
            }
        }
    }

    public override RpcCallSide Side => RpcCallSide.Client;

    public override RpcMethod Method { get; }

    public override CancellationToken CancellationToken { get; }

    public override IPEndPoint? RemoteEndPoint => Connection?.Transport.RemoteEndPoint;

    public override X509Certificate2? PeerCertificate => Connection?.Transport.RemoteCertificate;

    public override IServiceProvider? Services { get; }

    public override TimeSpan? RemainingTime
    {
        get
        {
            if (_deadline == long.MaxValue)
            {
                return null;
            }

            var now = _time.GetTimestamp();
            return now >= _deadline ? TimeSpan.Zero : _time.GetElapsedTime(now, _deadline);
        }
    }

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

    public TRequest TypedRequest { get; private set; }

    public TResponse? TypedResponse { get; set; }

    public CallSetup Setup => new(Options, this);

    private RpcCallOptions? Options { get; }
}
