namespace RpcNet.Server;

/// <summary>Services that tools ask a server about itself with, served on request.</summary>
public static class BuiltInServices
{
    /// <summary>Takes a service's name, or "" for the whole server; answers "SERVING" or "NOT_SERVING", NotFound for an unknown service.</summary>
    public const string HealthCheck = "rpcnet.Health/Check";

    /// <summary>Takes a prefix of full names, or ""; answers one line a method: "service/method kind", then " idempotent" where it is.</summary>
    public const string DescribeMethods = "rpcnet.Describe/Methods";

    /// <summary>Whether RpcNet itself serves the method: its service is named "rpcnet.…".</summary>
    internal static bool Contains(RpcMethod method) => method.ServiceName.StartsWith("rpcnet.", StringComparison.Ordinal);

    /// <summary>Serves <see cref="HealthCheck"/> and <see cref="DescribeMethods"/>.</summary>
    /// <param name="services">The map that is served.</param>
    /// <param name="isHealthy">Judges a service, or "" for the whole server; null means always healthy.</param>
    /// <exception cref="InvalidOperationException">They are served already.</exception>
    public static RpcServiceMap AddBuiltInServices(this RpcServiceMap services, Func<string, CancellationToken, ValueTask<bool>>? isHealthy = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        return services
            .MapUnary<string, string>(HealthCheck, async (service, _, token) =>
            {
                if (service.Length > 0 && !services.Methods.Any(m => m.Descriptor.ServiceName == service))
                {
                    throw new RpcFaultException(RpcStatusCode.NotFound, $"The server does not serve {service}.");
                }

                return isHealthy is null || await isHealthy(service, token).ConfigureAwait(false) ? "SERVING" : "NOT_SERVING";
            })
            .MapUnary<string, List<string>>(DescribeMethods, (prefix, _, _) => new(services.Methods
                .Select(static m => m.Descriptor)
                .Where(m => m.FullName.StartsWith(prefix, StringComparison.Ordinal))
                .OrderBy(static m => m.FullName, StringComparer.Ordinal)
                .Select(static m => $"{m.FullName} {m.Kind}{(m.Idempotent ? " idempotent" : "")}{(m.Replayable ? " replayable" : "")}")
                .ToList()));
    }
}
