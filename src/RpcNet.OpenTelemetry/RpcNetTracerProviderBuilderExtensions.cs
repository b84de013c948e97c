using RpcNet.OpenTelemetry;

namespace OpenTelemetry.Trace;

/// <summary>RpcNet's spans in OpenTelemetry.</summary>
public static class RpcNetTracerProviderBuilderExtensions
{
    /// <summary>Collects a span for each call, named by its method, at the client and at the server, with the trace context across the wire.</summary>
    /// <param name="builder">The builder of the tracer provider.</param>
    /// <returns>The builder.</returns>
    public static TracerProviderBuilder AddRpcNetInstrumentation(this TracerProviderBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddSource(RpcNetInstrumentation.ActivitySource);
    }
}
