namespace RpcNet.Server.Internal;

/// <summary>One served method: its descriptor, its handler, and the filters around it.</summary>
internal abstract class ServerMethod(RpcMethod descriptor)
{
    public RpcMethod Descriptor { get; } = descriptor;

    /// <summary>Whether RpcNet itself serves the method.</summary>
    public bool IsBuiltIn { get; } = BuiltInServices.Contains(descriptor);

    /// <summary>Filters and handler, composed once.</summary>
    protected RpcFilterDelegate Pipeline { get; private set; } = null!;

    public void Compose(FilterPipelines pipelines) => Pipeline = pipelines.Compose(RunHandlerAsync);

    /// <summary>Reads the request, runs filters and handler, and leaves the answer in the call or on its stream.</summary>
    public abstract ValueTask InvokeAsync(ServerCall call);

    /// <summary>The innermost delegate.</summary>
    protected abstract ValueTask RunHandlerAsync(RpcCallContext context);
}

internal sealed class UnaryServerMethod<TRequest, TResponse>(
    RpcUnaryMethod<TRequest, TResponse> method,
    Func<TRequest, RpcCallContext, CancellationToken, ValueTask<TResponse>> handler) : ServerMethod(method)
{
    public override ValueTask InvokeAsync(ServerCall call)
    {
        var context = new ServerCallContext<TRequest, TResponse>(call, call.ReadRequest(method.Request), method.Response);
        return call.InvokeAsync(context, Pipeline);
    }

    protected override ValueTask RunHandlerAsync(RpcCallContext context)
    {
        var call = (ServerCallContext<TRequest, TResponse>)context;
        var running = handler(call.TypedRequest, call, call.CancellationToken);
        if (running.IsCompletedSuccessfully)
        {
            call.TypedResponse = running.Result;
            return ValueTask.CompletedTask;
        }

        return AwaitAsync(call, running);
    }

    private static async ValueTask AwaitAsync(ServerCallContext<TRequest, TResponse> call, ValueTask<TResponse> running) =>
        call.TypedResponse = await running.ConfigureAwait(false);
}

internal sealed class ClientStreamingServerMethod<TRequest, TInput, TOutput>(
    RpcStreamingMethod<TRequest, TInput, TOutput> method,
    Func<TRequest, IAsyncEnumerable<TInput>, RpcCallContext, CancellationToken, ValueTask<TOutput>> handler) : ServerMethod(method)
{
    public override ValueTask InvokeAsync(ServerCall call)
    {
        var context = new ServerCallContext<TRequest, TOutput>(call, call.ReadRequest(method.Request), method.Output);
        return call.InvokeAsync(context, Pipeline);
    }

    protected override async ValueTask RunHandlerAsync(RpcCallContext context)
    {
        var call = (ServerCallContext<TRequest, TOutput>)context;
        call.TypedResponse = await handler(call.TypedRequest, call.Call.ReadItems(method.Input), call, call.CancellationToken)
            .ConfigureAwait(false);
    }
}

internal sealed class StreamingServerMethod<TRequest, TInput, TOutput>(
    RpcStreamingMethod<TRequest, TInput, TOutput> method,
    Func<TRequest, IAsyncEnumerable<TInput>, RpcCallContext, CancellationToken, IAsyncEnumerable<TOutput>> handler) : ServerMethod(method)
{
    public override ValueTask InvokeAsync(ServerCall call)
    {
        var context = new ServerCallContext<TRequest, IAsyncEnumerable<TOutput>>(call, call.ReadRequest(method.Request), response: null);
        return call.InvokeAsync(context, Pipeline);
    }

    protected override async ValueTask RunHandlerAsync(RpcCallContext context)
    {
        var call = (ServerCallContext<TRequest, IAsyncEnumerable<TOutput>>)context;
        call.TypedResponse = handler(call.TypedRequest, call.Call.ReadItems(method.Input), call, call.CancellationToken);
        await call.Call.WriteItemsAsync(call, call.TypedResponse, method.Output).ConfigureAwait(false);
    }
}
