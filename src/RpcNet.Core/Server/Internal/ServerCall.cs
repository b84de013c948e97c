using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using RpcNet.Diagnostics;
using RpcNet.Framing;

namespace RpcNet.Server.Internal;

/// <summary>One call at the server, on a lane or on a stream of its own.</summary>
internal abstract partial class ServerCall
{
    private IRpcServiceScope? _scope;

    public ServerConnection Connection { get; protected set; } = null!;

    public ServerMethod Method { get; protected set; } = null!;

    public abstract CancellationToken CancellationToken { get; }

    public IServiceProvider? Services => _scope?.Services;

    /// <summary>Null also once the call has ended.</summary>
    public TimeSpan? RemainingTime => Deadline is not long.MaxValue and var deadline && Connection is { } connection
        ? connection.Deadlines.Remaining(deadline)
        : null;

    /// <summary>Timestamp of the clock; <see cref="long.MaxValue"/> for none.</summary>
    public long Deadline { get; protected set; } = long.MaxValue;

    protected FrameExtension Extension { get; set; }

    protected IRpcSerializer Serializer { get; set; } = null!;

    protected ReadOnlyMemory<byte> RequestPayload { get; set; }

    protected FrameFlags RequestFlags { get; set; }

    /// <summary>The most that a message of this call takes once it is decompressed.</summary>
    protected abstract int MaxDecompressedBytes { get; }

    protected ServerCallContext? Context { get; private set; }

    /// <summary>Whether the deadline, not the caller, ended the call.</summary>
    protected virtual bool DeadlineExceeded => Deadline != long.MaxValue && Connection.Deadlines.Remaining(Deadline) == TimeSpan.Zero;

    /// <exception cref="RpcFaultException">InvalidArgument: the payload is not what the method takes.</exception>
    public TRequest ReadRequest<TRequest>(RpcMarshaller<TRequest> marshaller) => ReadMessage(marshaller, RequestPayload, RequestFlags);

    /// <summary>Runs the filters and the handler as the ambient call.</summary>
    public ValueTask InvokeAsync(ServerCallContext context, RpcFilterDelegate pipeline)
    {
        Context = context;
        if (Extension.Metadata is { } metadata)
        {
            context.RequestMetadata = metadata;
        }

        RpcContextAccessor.Current = context;
        return pipeline(context);
    }

    /// <summary>The items that the caller sends; empty for a call without input.</summary>
    public abstract IAsyncEnumerable<T> ReadItems<T>(RpcMarshaller<T> marshaller);

    /// <summary>Sends the handler's items until they end.</summary>
    public abstract Task WriteItemsAsync<T>(ServerCallContext context, IAsyncEnumerable<T> items, RpcMarshaller<T> marshaller);

    protected T ReadMessage<T>(RpcMarshaller<T> marshaller, ReadOnlyMemory<byte> payload, FrameFlags flags)
    {
        try
        {
            return Connection.Compression.Read(marshaller, Serializer, payload, flags, MaxDecompressedBytes);
        }
        catch (RpcSerializationException e)
        {
            throw new RpcFaultException(
                RpcStatusCode.InvalidArgument, $"The arguments of {Method.Descriptor.FullName} cannot be read: {e.Message}", innerException: e);
        }
    }

    /// <summary>Runs the handler in its scope, measured when someone listens; null when it succeeded.</summary>
    protected ValueTask<RpcFaultException?> RunHandlerAsync() =>
        RpcTelemetry.IsServerEnabled ? RunMeasuredHandlerAsync() : RunScopedHandlerAsync();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<RpcFaultException?> RunMeasuredHandlerAsync()
    {
        var time = Connection.Time;
        var started = time.GetTimestamp();
        var method = Method.Descriptor;
        var activity = RpcTelemetry.StartServer(method, Extension);
        var fault = await RunScopedHandlerAsync().ConfigureAwait(false);
        RpcTelemetry.EndServer(activity, method, time.GetElapsedTime(started), fault);
        return fault;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<RpcFaultException?> RunScopedHandlerAsync()
    {
        try
        {
            _scope = Connection.Server.Options.CreateScope?.Invoke();
            try
            {
                var running = Method.InvokeAsync(this);
                if (!running.IsCompletedSuccessfully)
                {
                    await running.ConfigureAwait(false);
                }
            }
            finally
            {
                if (_scope is { } scope)
                {
                    _scope = null;
                    await scope.DisposeAsync().ConfigureAwait(false);
                }
            }

            return null;
        }
        catch (Exception e)
        {
            return ToFault(e);
        }
    }

    /// <summary>Code that outlives the call may still hold its context, which must not show it another call.</summary>
    protected void ResetCall()
    {
        Context?.Detach();
        Context = null;
        Method = null!;
        Extension = default;
        RequestPayload = default;
        Deadline = long.MaxValue;
    }

    protected RpcFaultException ToFault(Exception e)
    {
        var method = Method.Descriptor.FullName;
        switch (e)
        {
            case RpcFaultException fault:
                return fault;
            case OperationCanceledException when CancellationToken.IsCancellationRequested:
                return DeadlineExceeded
                    ? Faults.DeadlineExceeded(Method.Descriptor)
                    : new RpcFaultException(RpcStatusCode.Cancelled, $"{method} was cancelled.");
            case RpcSerializationException:
                LogHandlerFailed(Connection.Logger, method, e);
                return new RpcFaultException(
                    RpcStatusCode.Internal,
                    Connection.Server.Options.EnableDetailedErrors ? $"The result of {method} cannot be written: {e.Message}" : $"The result of {method} cannot be written.");
            default:
                LogHandlerFailed(Connection.Logger, method, e);
                return new RpcFaultException(
                    RpcStatusCode.Internal,
                    Connection.Server.Options.EnableDetailedErrors
                        ? $"{method} failed: {e.GetType().Name}: {e.Message}"
                        : $"{method} failed. The server's log has the reason.");
        }
    }

    [LoggerMessage(1101, LogLevel.Error, "The handler of {Method} failed")]
    private static partial void LogHandlerFailed(ILogger logger, string method, Exception exception);
}
