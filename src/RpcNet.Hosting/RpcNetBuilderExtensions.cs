using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using RpcNet;
using RpcNet.Hosting;
using RpcNet.Hosting.Configuration;
using RpcNet.Server;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>What a host serves, and the filters around it.</summary>
public static class RpcNetBuilderExtensions
{
    /// <summary>Serves a contract with a class from the container: one scope a call; scoped unless registered otherwise.</summary>
    /// <typeparam name="TService">The contract.</typeparam>
    /// <typeparam name="TImplementation">The class that implements it.</typeparam>
    /// <returns>The builder.</returns>
    /// <exception cref="InvalidOperationException">TService is no contract.</exception>
    public static IRpcNetBuilder AddService<TService, TImplementation>(this IRpcNetBuilder builder)
        where TService : class
        where TImplementation : class, TService
    {
        var registration = RpcNetBuilder.ServerOf(builder);
        _ = RpcContracts.Get<TService>();
        builder.Services.TryAddScoped<TImplementation>();
        registration.AddService(static map => map.AddService<TService>(
            static call => call.Services!.GetRequiredService<TImplementation>()));
        return builder;
    }

    /// <summary>Serves a contract with one object for all calls.</summary>
    /// <typeparam name="TService">The contract.</typeparam>
    /// <returns>The builder.</returns>
    /// <exception cref="InvalidOperationException">TService is no contract.</exception>
    public static IRpcNetBuilder AddService<TService>(this IRpcNetBuilder builder, TService instance)
        where TService : class
    {
        ArgumentNullException.ThrowIfNull(instance);
        var registration = RpcNetBuilder.ServerOf(builder);
        _ = RpcContracts.Get<TService>();
        registration.AddService(map => map.AddService(instance));
        return builder;
    }

    /// <summary>Serves one unary method without an interface.</summary>
    /// <typeparam name="TRequest">The argument; it has [GenerateShape].</typeparam>
    /// <typeparam name="TResponse">The result; it has [GenerateShape].</typeparam>
    /// <param name="builder">The builder.</param>
    /// <param name="name">"service/method".</param>
    /// <param name="handler">Answers a request.</param>
    /// <returns>The builder.</returns>
    public static IRpcNetBuilder MapUnary<TRequest, TResponse>(
        this IRpcNetBuilder builder, string name, Func<TRequest, RpcCallContext, CancellationToken, ValueTask<TResponse>> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        RpcNetBuilder.ServerOf(builder).AddService(map => map.MapUnary(name, handler));
        return builder;
    }

    /// <summary>Serves one unary method without an interface.</summary>
    /// <typeparam name="TRequest">The argument; it has [GenerateShape].</typeparam>
    /// <typeparam name="TResponse">The result; it has [GenerateShape].</typeparam>
    /// <param name="builder">The builder.</param>
    /// <param name="name">"service/method".</param>
    /// <param name="handler">Answers a request.</param>
    /// <returns>The builder.</returns>
    public static IRpcNetBuilder MapUnary<TRequest, TResponse>(
        this IRpcNetBuilder builder, string name, Func<TRequest, CancellationToken, ValueTask<TResponse>> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return builder.MapUnary<TRequest, TResponse>(name, (request, _, cancellationToken) => handler(request, cancellationToken));
    }

    /// <summary>Serves one unary method that takes and gives raw bytes.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="name">"service/method".</param>
    /// <param name="handler">Answers a request; its bytes are valid until the answer is complete.</param>
    /// <returns>The builder.</returns>
    public static IRpcNetBuilder Map(
        this IRpcNetBuilder builder,
        string name,
        Func<ReadOnlyMemory<byte>, RpcCallContext, CancellationToken, ValueTask<ReadOnlyMemory<byte>>> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        RpcNetBuilder.ServerOf(builder).AddService(map => map.Map(name, handler));
        return builder;
    }

    /// <summary>Serves one unary method that takes and gives raw bytes.</summary>
    /// <param name="builder">The builder.</param>
    /// <param name="name">"service/method".</param>
    /// <param name="handler">Answers a request; its bytes are valid until the answer is complete.</param>
    /// <returns>The builder.</returns>
    public static IRpcNetBuilder Map(
        this IRpcNetBuilder builder, string name, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask<ReadOnlyMemory<byte>>> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return builder.Map(name, (request, _, cancellationToken) => handler(request, cancellationToken));
    }

    /// <summary>
    /// Runs a filter from the container around every call, inside of the ones added before: scoped, one scope a call, unless
    /// registered otherwise.
    /// </summary>
    /// <typeparam name="TFilter">The filter.</typeparam>
    /// <returns>The builder.</returns>
    public static IRpcNetBuilder AddFilter<TFilter>(this IRpcNetBuilder builder)
        where TFilter : class, IRpcFilter
    {
        builder.Services.TryAddScoped<TFilter>();
        return builder.AddFilter(static (context, next) => context.Services!.GetRequiredService<TFilter>().InvokeAsync(context, next));
    }

    /// <summary>Runs a filter around every call, inside of the ones added before.</summary>
    /// <returns>The builder.</returns>
    public static IRpcNetBuilder AddFilter(this IRpcNetBuilder builder, IRpcFilter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        RpcNetBuilder.ServerOf(builder).Filters.Add(filter);
        return builder;
    }

    /// <summary>Runs code around every call, inside of the filters added before.</summary>
    /// <returns>The builder.</returns>
    public static IRpcNetBuilder AddFilter(this IRpcNetBuilder builder, Func<RpcCallContext, RpcFilterDelegate, ValueTask> filter) =>
        builder.AddFilter(new RpcInlineFilter(filter));

    /// <summary>
    /// Serves the health of the host's checks over RPC (<see cref="BuiltInServices.HealthCheck"/>) and the list of the methods
    /// (<see cref="BuiltInServices.DescribeMethods"/>), for probes and tools.
    /// </summary>
    /// <remarks>
    /// The whole server ("") is "SERVING" while no check is unhealthy. A service is judged by the checks that bear its name as a tag,
    /// and by RpcNet's own. Whoever may call this server may ask.
    /// </remarks>
    /// <param name="builder">The builder.</param>
    /// <param name="predicate">The checks that count; null takes all.</param>
    /// <returns>The builder.</returns>
    public static IRpcNetBuilder AddHealthService(this IRpcNetBuilder builder, Func<HealthCheckRegistration, bool>? predicate = null)
    {
        var registration = RpcNetBuilder.ServerOf(builder);
        builder.Services.AddHealthChecks();
        registration.Services.Add((map, services) => map.AddBuiltInServices(async (service, cancellationToken) =>
        {
            var report = await services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Counts, cancellationToken).ConfigureAwait(false);
            return report.Status != HealthStatus.Unhealthy;

            bool Counts(HealthCheckRegistration check) => predicate?.Invoke(check) != false
                && (service.Length == 0 || check.Tags.Contains(service) || check.Tags.Contains(RpcNetHealthChecksBuilderExtensions.Tag));
        }));
        return builder;
    }

    /// <summary>Serves calls of a further codec, beside MessagePack.</summary>
    /// <returns>The builder.</returns>
    public static IRpcNetBuilder AddSerializer(this IRpcNetBuilder builder, IRpcSerializer serializer)
    {
        ArgumentNullException.ThrowIfNull(serializer);
        RpcNetBuilder.ServerOf(builder).Serializers.Add(serializer);
        return builder;
    }
}
