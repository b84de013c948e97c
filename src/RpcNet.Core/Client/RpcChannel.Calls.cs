using System.Diagnostics;
using System.Runtime.CompilerServices;
using RpcNet.Client.Internal;
using RpcNet.Diagnostics;
using RpcNet.Framing;

namespace RpcNet.Client;

public sealed partial class RpcChannel
{
    private readonly FilterPipelines _pipelines;

    /// <inheritdoc/>
    public override ValueTask<TResponse> InvokeUnaryAsync<TRequest, TResponse>(
        RpcUnaryMethod<TRequest, TResponse> method,
        TRequest request,
        RpcCallOptions? options,
        CancellationToken cancellationToken)
    {
        var timeout = EffectiveTimeout(method, options);
        return RpcTelemetry.IsClientEnabled
            ? MeasureUnaryAsync(method, request, options, timeout, cancellationToken)
            : InvokeUnaryAsync(method, request, options, timeout, cancellationToken);
    }

    private ValueTask<TResponse> InvokeUnaryAsync<TRequest, TResponse>(
        RpcUnaryMethod<TRequest, TResponse> method,
        TRequest request,
        RpcCallOptions? options,
        TimeSpan? timeout,
        CancellationToken cancellationToken) => _pipelines.IsEmpty
        ? SendUnaryAsync(method, request, new CallSetup(options, Context: null), timeout, cancellationToken)
        : FilterUnaryAsync(method, request, options, timeout, cancellationToken);

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<TResponse> MeasureUnaryAsync<TRequest, TResponse>(
        RpcUnaryMethod<TRequest, TResponse> method,
        TRequest request,
        RpcCallOptions? options,
        TimeSpan? timeout,
        CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        var activity = RpcTelemetry.StartClient(method, _peer);
        try
        {
            var response = await InvokeUnaryAsync(method, request, options, timeout, cancellationToken).ConfigureAwait(false);
            RpcTelemetry.EndClient(activity, method, _peer, _time.GetElapsedTime(started), error: null);
            return response;
        }
        catch (Exception e)
        {
            RpcTelemetry.EndClient(activity, method, _peer, _time.GetElapsedTime(started), e);
            throw;
        }
    }

    /// <inheritdoc/>
    public override ValueTask<TOutput> InvokeClientStreamingAsync<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput> input,
        RpcCallOptions? options,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(input);
        var timeout = EffectiveTimeout(method, options);
        return RpcTelemetry.IsClientEnabled
            ? MeasureClientStreamingAsync(method, request, input, options, timeout, cancellationToken)
            : ClientStreamingAsync(method, request, input, options, timeout, cancellationToken);
    }

    private async ValueTask<TOutput> MeasureClientStreamingAsync<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput> input,
        RpcCallOptions? options,
        TimeSpan? timeout,
        CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        var activity = RpcTelemetry.StartClient(method, _peer);
        try
        {
            var output = await ClientStreamingAsync(method, request, input, options, timeout, cancellationToken).ConfigureAwait(false);
            RpcTelemetry.EndClient(activity, method, _peer, _time.GetElapsedTime(started), error: null);
            return output;
        }
        catch (Exception e)
        {
            RpcTelemetry.EndClient(activity, method, _peer, _time.GetElapsedTime(started), e);
            throw;
        }
    }

    /// <inheritdoc/>
    public override IAsyncEnumerable<TOutput> InvokeStreaming<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput>? input,
        RpcCallOptions? options,
        CancellationToken cancellationToken) => RpcTelemetry.IsClientEnabled
        ? MeasureStreamingAsync(method, request, input, options, cancellationToken)
        : StreamingAsync(method, request, input, options, cancellationToken);

    private async IAsyncEnumerable<TOutput> MeasureStreamingAsync<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput>? input,
        RpcCallOptions? options,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        var caller = Activity.Current;
        var activity = RpcTelemetry.StartClient(method, _peer);
        Exception? error = null;
        try
        {
            var items = StreamingAsync(method, request, input, options, cancellationToken).GetAsyncEnumerator(cancellationToken);
            await using (items.ConfigureAwait(false))
            {
                while (true)
                {
                    try
                    {
                        // An iterator's context is its consumer's: the span is current only while the call itself runs.
                        Activity.Current = activity ?? Activity.Current;
                        if (!await items.MoveNextAsync().ConfigureAwait(false))
                        {
                            yield break;
                        }
                    }
                    catch (Exception e)
                    {
                        error = e;
                        throw;
                    }
                    finally
                    {
                        if (activity is not null)
                        {
                            Activity.Current = caller;
                        }
                    }

                    yield return items.Current;
                }
            }
        }
        finally
        {
            RpcTelemetry.EndClient(activity, method, _peer, _time.GetElapsedTime(started), error);
        }
    }

    private ValueTask<TResponse> SendUnaryAsync<TRequest, TResponse>(
        RpcUnaryMethod<TRequest, TResponse> method,
        TRequest request,
        CallSetup setup,
        TimeSpan? timeout,
        CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<TResponse>(cancellationToken);
        }

        if (timeout <= TimeSpan.Zero)
        {
            return ValueTask.FromException<TResponse>(Faults.DeadlineExceeded(method, mayHaveExecuted: false));
        }

        if (TryGetReady() is { } connection)
        {
            try
            {
                if (TryStart(connection, method, request, setup, timeout, cancellationToken, out var response, out _))
                {
                    return response;
                }
            }
            catch (Exception e) when (e is RpcFaultException or RpcSerializationException)
            {
                return ValueTask.FromException<TResponse>(Faults.RequestFailure(method, e));
            }
        }

        return SendUnaryWhenReadyAsync(method, request, setup, timeout, cancellationToken);
    }

    /// <summary>The way of a call that has to wait: for a connection, for room in a lane, for a slot.</summary>
    private async ValueTask<TResponse> SendUnaryWhenReadyAsync<TRequest, TResponse>(
        RpcUnaryMethod<TRequest, TResponse> method,
        TRequest request,
        CallSetup setup,
        TimeSpan? timeout,
        CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        using var limit = timeout is { } t ? Deadlines.CreateSource(t, _time) : null;
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit?.Token ?? CancellationToken.None);
        ClientConnection? awaited = null;
        try
        {
            if (_options.EarlyData && method.Replayable && await GetEarlyConnectionAsync(linked.Token).ConfigureAwait(false) is { } early)
            {
                TimeSpan? rest = timeout is null ? null : timeout - _time.GetElapsedTime(started);
                if (rest <= TimeSpan.Zero)
                {
                    throw Faults.DeadlineExceeded(method, mayHaveExecuted: false);
                }

                if (setup.Context is { } context)
                {
                    context.Connection = early;
                }

                try
                {
                    return await StreamCall.UnaryAsync(early, method, request, setup, rest, _time, cancellationToken).ConfigureAwait(false);
                }
                catch (RpcFaultException e) when (!e.MayHaveExecuted || early.LostEarly(e))
                {
                    // Too large, refused, or lost with a connection that came to nothing: then the ordinary way.
                }
            }

            while (true)
            {
                var connection = await GetConnectionAsync(setup.Options, linked.Token).ConfigureAwait(false);
                TimeSpan? rest = timeout is null ? null : timeout - _time.GetElapsedTime(started);
                if (rest <= TimeSpan.Zero)
                {
                    throw Faults.DeadlineExceeded(method, mayHaveExecuted: false);
                }

                if (TryStart(connection, method, request, setup, rest, cancellationToken, out var response, out var tookSlot))
                {
                    awaited = tookSlot && ReferenceEquals(awaited, connection) ? null : awaited;
                    return await response.ConfigureAwait(false);
                }

                awaited?.PassTurn();
                awaited = null;
                await connection.WaitForCapacityAsync(linked.Token).ConfigureAwait(false);
                awaited = connection;
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (OperationCanceledException) when (limit is { IsCancellationRequested: true })
        {
            throw Faults.DeadlineExceeded(method, mayHaveExecuted: false);
        }
        catch (RpcSerializationException e)
        {
            throw Faults.RequestFailure(method, e);
        }
        finally
        {
            // A slot that this call was woken for and did not take is somebody else's.
            awaited?.PassTurn();
        }
    }

    /// <summary>Sends the call on a lane, or on a stream of its own where it is too large for one; false where there is no room.</summary>
    private bool TryStart<TRequest, TResponse>(
        ClientConnection connection,
        RpcUnaryMethod<TRequest, TResponse> method,
        TRequest request,
        in CallSetup setup,
        TimeSpan? timeout,
        CancellationToken cancellationToken,
        out ValueTask<TResponse> response,
        out bool tookSlot)
    {
        var call = connection.TryStart(method, request, setup, timeout, cancellationToken, out var tooLarge);
        tookSlot = call is not null;
        if (call is null && !tooLarge)
        {
            response = default;
            return false;
        }

        if (setup.Context is { } context)
        {
            context.Connection = connection;
        }

        response = call?.Task ?? StreamCall.UnaryAsync(connection, method, request, setup, timeout, _time, cancellationToken);
        return true;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<TResponse> FilterUnaryAsync<TRequest, TResponse>(
        RpcUnaryMethod<TRequest, TResponse> method,
        TRequest request,
        RpcCallOptions? options,
        TimeSpan? timeout,
        CancellationToken cancellationToken)
    {
        var context = new ClientCallContext<TRequest, TResponse>(
            method, request, options, timeout, _time, _options.Services, cancellationToken);
        var pipeline = _pipelines.Get(method, this, static channel => [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))] async ValueTask (RpcCallContext context) =>
        {
            var call = (ClientCallContext<TRequest, TResponse>)context;
            call.TypedResponse = await channel.SendUnaryAsync(
                (RpcUnaryMethod<TRequest, TResponse>)call.Method,
                call.TypedRequest,
                call.Setup,
                call.RemainingTime,
                call.CancellationToken).ConfigureAwait(false);
        });
        await pipeline(context).ConfigureAwait(false);
        return context.TypedResponse!;
    }

    private async ValueTask<TOutput> ClientStreamingAsync<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput> input,
        RpcCallOptions? options,
        TimeSpan? timeout,
        CancellationToken cancellationToken)
    {
        var context = new ClientCallContext<TRequest, TOutput>(
            method, request, options, timeout, _time, _options.Services, cancellationToken);
        RpcFilterDelegate terminal = async _ =>
        {
            context.Connection = await GetConnectionAsync(method, options, context.RemainingTime, cancellationToken).ConfigureAwait(false);
            context.TypedResponse = await StreamCall.ClientStreamingAsync(
                context.Connection, method, context.TypedRequest, input, context.Setup, context.RemainingTime, _time, cancellationToken)
                .ConfigureAwait(false);
        };
        await _pipelines.Compose(terminal)(context).ConfigureAwait(false);
        return context.TypedResponse!;
    }

    private async IAsyncEnumerable<TOutput> StreamingAsync<TRequest, TInput, TOutput>(
        RpcStreamingMethod<TRequest, TInput, TOutput> method,
        TRequest request,
        IAsyncEnumerable<TInput>? input,
        RpcCallOptions? options,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var context = new ClientCallContext<TRequest, IAsyncEnumerable<TOutput>>(
            method, request, options, EffectiveTimeout(method, options), _time, _options.Services, cancellationToken);
        StreamCall? call = null;
        RpcFilterDelegate terminal = async _ =>
        {
            context.Connection = await GetConnectionAsync(method, options, context.RemainingTime, cancellationToken).ConfigureAwait(false);
            var timeout = context.RemainingTime;
            call = await StreamCall.OpenAsync(context.Connection, method, context.Setup, timeout, _time, cancellationToken)
                .ConfigureAwait(false);
            context.TypedResponse = StreamCall.StreamAsync(call, method, context.TypedRequest, input, timeout);
        };
        try
        {
            await _pipelines.Compose(terminal)(context).ConfigureAwait(false);
            await foreach (var item in context.TypedResponse!.ConfigureAwait(false))
            {
                yield return item;
            }
        }
        finally
        {
            // Enumerating the response disposes the call; a filter that failed or replaced the response did not.
            if (call is not null)
            {
                await call.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>Gives a connection within the call's time.</summary>
    private async ValueTask<ClientConnection> GetConnectionAsync(
        RpcMethod method, RpcCallOptions? options, TimeSpan? timeout, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (timeout <= TimeSpan.Zero)
        {
            throw Faults.DeadlineExceeded(method, mayHaveExecuted: false);
        }

        if (TryGetReady() is { } ready)
        {
            return ready;
        }

        using var limit = timeout is { } t ? Deadlines.CreateSource(t, _time) : null;
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit?.Token ?? CancellationToken.None);
        try
        {
            return await GetConnectionAsync(options, linked.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (OperationCanceledException) when (limit is { IsCancellationRequested: true })
        {
            throw Faults.DeadlineExceeded(method, mayHaveExecuted: false);
        }
    }

    /// <summary>The caller's timeout, or the method's, or the channel's; never more than the call being served has left.</summary>
    private TimeSpan? EffectiveTimeout(RpcMethod method, RpcCallOptions? options)
    {
        var timeout = options?.Timeout ?? method.Timeout ?? _options.DefaultTimeout;
        if (timeout == Timeout.InfiniteTimeSpan)
        {
            timeout = null;
        }

        return RpcContextAccessor.Current?.RemainingTime is { } remaining && (timeout is null || remaining < timeout)
            ? remaining
            : timeout;
    }
}
