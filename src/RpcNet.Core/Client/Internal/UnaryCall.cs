using System.Collections.Concurrent;
using System.Threading.Tasks.Sources;
using RpcNet.Framing;

namespace RpcNet.Client.Internal;

/// <summary>A pooled unary call that is its own awaitable.</summary>
internal sealed class UnaryCall<TRequest, TResponse> : PendingCall, IValueTaskSource<TResponse>
{
    private const int MaxPooled = 1024;

    private static readonly ConcurrentQueue<UnaryCall<TRequest, TResponse>> Pool = new();
    private static int _pooled;

    private RpcUnaryMethod<TRequest, TResponse> _method = null!;
    private ManualResetValueTaskSourceCore<TResponse> _source;

    public override RpcMethod Method => _method;

    public ValueTask<TResponse> Task => new(this, _source.Version);

    public static UnaryCall<TRequest, TResponse> Rent(RpcUnaryMethod<TRequest, TResponse> method)
    {
        if (Pool.TryDequeue(out var call))
        {
            Interlocked.Decrement(ref _pooled);
        }
        else
        {
            call = new UnaryCall<TRequest, TResponse>();
        }

        call._method = method;
        return call;
    }

    /// <summary>Runs on the thread pool, so the awaiting code may continue right here.</summary>
    public override void Execute()
    {
        TResponse response;
        try
        {
            response = ReadOutcome();
        }
        catch (Exception e)
        {
            _source.SetException(e);
            return;
        }

        _source.SetResult(response);
    }

    TResponse IValueTaskSource<TResponse>.GetResult(short token)
    {
        try
        {
            return _source.GetResult(token);
        }
        finally
        {
            Return();
        }
    }

    ValueTaskSourceStatus IValueTaskSource<TResponse>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<TResponse>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private TResponse ReadOutcome()
    {
        if (Error is not null)
        {
            throw Error;
        }

        var extension = ResponseReader.ReadExtension(Extension);
        Setup.Deliver(extension);
        return Header.Type == FrameType.Response
            ? ResponseReader.ReadMessage(_method.Response, Connection, Header.Flags, Payload, _method)
            : throw Faults.ToException(Header, extension);
    }

    private void Return()
    {
        Reset();
        _method = null!;
        _source.Reset();
        if (Interlocked.Increment(ref _pooled) <= MaxPooled)
        {
            Pool.Enqueue(this);
        }
        else
        {
            Interlocked.Decrement(ref _pooled);
        }
    }
}
